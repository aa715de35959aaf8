"""The page docs/design/answers.md: what a session reports, request by request and answer by answer.

A line per request; for one of them the sentences, too, since they differ in the object's name only.
"""

from pathlib import Path

from tests.unit.operator.answers.columns import ANSWERS
from tests.unit.operator.answers.rows import ROWS

PAGE = Path(__file__).parents[4] / "docs" / "design" / "answers.md"
SPELLED_OUT = "create Ingress"

Reports = dict[str, tuple[str, str]]
"""By answer: in a word or two, and in sentences."""


def row(request: str, reports: Reports) -> str:
    """Return the line of a request."""
    return f"| {request} | {' | '.join(reports[answer][0] for answer in ANSWERS)} |"


def sentences(reports: Reports) -> list[str]:
    """Return what is reported after each answer, a line each."""
    return [f"| {answer} | {reports[answer][1]} |" for answer in ANSWERS]


def lines() -> list[str]:
    """Return the lines of the page."""
    return PAGE.read_text().splitlines()


def write(request: str, reports: Reports) -> None:
    """Put what is reported of a request in its place."""
    text = PAGE.read_text().split("\n## ")
    text[1] = _requests(text[1], row(request, reports))
    if request == SPELLED_OUT:
        head = ["Messages about an Ingress that cannot be created", "", "| answer | message |", "| --- | --- |"]
        text[2] = "\n".join([*head, *sentences(reports), ""])
    PAGE.write_text("\n## ".join(text))


def _requests(former: str, new: str) -> str:
    known = {line.split("|")[1].strip(): line for line in former.splitlines() if line.startswith("|")}
    known[new.split("|")[1].strip()] = new
    head = ["States and reasons", "", f"| | {' | '.join(ANSWERS)} |", f"| --- |{' --- |' * len(ANSWERS)}"]
    return "\n".join([*head, *(known[each.name] for each in ROWS if each.name in known), ""])
