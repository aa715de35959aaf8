"""An index that lacks the older versions takes them from every user of the repository."""

from pathlib import Path

import pytest

from tools.chart import package
from tools.kubectl import ToolError


def test_an_index_that_is_not_there_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"CHART_INDEX=.*/old\.yaml is not there; download"):
        package(tmp_path / "charts", "https://example.org", tmp_path / "old.yaml")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["", "notaurl", "example.org/charts", "https://", "ftp://example.org"])
def test_an_address_that_helm_cannot_download_from_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=f"CHART_URL={url} is not an address; write"):
        package(tmp_path / "charts", url)
    assert not list(tmp_path.iterdir())
