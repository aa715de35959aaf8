"""Whatever the API server answers to whatever the operator asks, no session may be harmed by it, or go untold.

The reports of each session are in docs/design/answers.md, written by `make golden`.
"""

import os

import pytest

from amalthea.operator import process
from tests.unit.operator.answers import page
from tests.unit.operator.answers.cell import Cell
from tests.unit.operator.answers.columns import ANSWERS
from tests.unit.operator.answers.outcome import Outcome
from tests.unit.operator.answers.rows import ROWS, Row


@pytest.fixture(autouse=True)
def _no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "calm_the_garbage_collector", lambda: None)


def differences(ours: Outcome, clean: Outcome, but: str) -> list[str]:
    """Return what is not, when all is over, as if the trouble had never been, `but` one object."""
    found = []
    for part in ("well", "others"):
        one, other = getattr(ours, part), getattr(clean, part)
        keys = sorted((one.keys() | other.keys()) - {but})
        found += [
            f"{part}: {key}: {one.get(key)}\n   not {other.get(key)}" for key in keys if one.get(key) != other.get(key)
        ]
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_every_answer(row: Row) -> None:
    clean = await Cell(row, None).run()
    wrong, reports = [f"without trouble: {each}" for each in clean.wrong], {}
    for name, answer in ANSWERS.items():
        outcome = await Cell(row, answer).run()
        reports[name] = outcome.reported
        may_leave = row.may_leave if name.startswith(row.after) else ""
        assert not may_leave or may_leave in outcome.well
        wrong += [f"{name}: {each}" for each in (*outcome.wrong, *differences(outcome, clean, may_leave))]
    assert wrong == []
    if os.environ.get("UPDATE_GOLDEN"):
        page.write(row.name, reports)
    assert page.row(row.name, reports) in page.lines()
    if row.name == page.SPELLED_OUT:
        assert set(page.sentences(reports)) <= set(page.lines())
