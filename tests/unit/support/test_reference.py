"""A reference that lags behind the code sends its readers after fields, reasons and metrics that do not exist."""

import pytest

from tests.support import reference


@pytest.mark.parametrize("page", ["spec.md", "conditions.md", "metrics.md"])
def test_the_reference_is_up_to_date(page: str) -> None:
    assert (reference.FOLDER / page).read_text() == reference.pages()[page], "run `make reference`"


@pytest.mark.parametrize(("page", "columns"), [("spec.md", {4}), ("metrics.md", {3, 4})])
def test_everything_in_the_reference_has_a_meaning(page: str, columns: set[int]) -> None:
    rows = [line.strip("|").split(" | ") for line in reference.pages()[page].splitlines() if line.startswith("| `")]

    assert {len(row) for row in rows} == columns
    assert all(row[-1].strip().endswith(".") for row in rows)


def test_the_values_of_every_label_are_listed_that_an_alert_may_ask_for() -> None:
    metrics, values = reference.pages()["metrics.md"].split("## Values of labels")
    rows = [line.strip("|").split(" | ") for line in metrics.splitlines() if line.startswith("| `")]
    labels = {label for row in rows for label in row[2].split(", ") if label}

    assert {label for label in labels if f"| {label} |" not in values} == {
        "`name`",
        "`namespace`",
        "`resource`",
        "`verb`",
    }
