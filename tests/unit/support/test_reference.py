"""A reference that lags behind the code sends its readers after fields, reasons and metrics that do not exist."""

import pytest

from tests.support import reference


@pytest.mark.parametrize("page", ["spec.md", "conditions.md", "metrics.md"])
def test_the_reference_is_up_to_date(page: str) -> None:
    assert (reference.FOLDER / page).read_text() == reference.pages()[page], "run `make reference`"


@pytest.mark.parametrize(("page", "columns"), [("spec.md", 4), ("metrics.md", 4)])
def test_everything_in_the_reference_has_a_meaning(page: str, columns: int) -> None:
    rows = [line.strip("|").split(" | ") for line in reference.pages()[page].splitlines() if line.startswith("| `")]

    assert rows
    assert all(len(row) == columns and row[-1].strip().endswith(".") for row in rows)
