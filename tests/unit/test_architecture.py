"""ARCHITECTURE.md tells of every module that there is, and of none that is gone."""

from tests.support.architecture import DOCUMENT, written


def test_the_list_of_modules_is_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert written(text) == text, "run `make architecture`"
