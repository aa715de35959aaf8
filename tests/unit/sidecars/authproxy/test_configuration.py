"""HAProxy's whole configuration, in golden files. After a change on purpose: UPDATE_GOLDEN=1, and read the diff."""

import os
import re
from pathlib import Path

import pytest

from amalthea.sidecars.authproxy import configuration, pages
from amalthea.sidecars.authproxy.configuration import Place
from amalthea.sidecars.authproxy.settings import Settings

FOLDER = Path(__file__).parent / "golden"
PLACE = Place(("0.0.0.0:65535", ":::65535 v6only"), ("0.0.0.0:65534",), 7, "/work.lua")
PLAIN = Settings("", "renku-auth", "127.0.0.1:8888", 65535, 65534, None, verbose=False)
CASES = {
    "behind_oauth2_proxy": PLAIN._replace(verbose=True),
    "with_a_token": PLAIN._replace(token="s3cret"),
    "with_a_form": PLAIN._replace(token="s3cret", cookie_path="/sessions/my-name"),
    "of_a_remote_session": PLAIN._replace(token="s3cret", controller="127.0.0.1:65532"),
    "with_a_prefix": PLAIN._replace(token="s3cret", cookie_key="my.key", strip_path_prefix="/sessions/my-name"),
}


@pytest.mark.parametrize(("name", "settings"), CASES.items(), ids=CASES)
def test_the_whole_configuration(name: str, settings: Settings) -> None:
    text = configuration.render(settings, PLACE)
    file = FOLDER / f"{name}.cfg"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert file.read_text() == text, "a change on purpose? UPDATE_GOLDEN=1 pytest tests/unit/sidecars/authproxy"


def test_no_golden_file_outlives_its_case() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(CASES)


@pytest.mark.parametrize("text", [value for value in vars(pages).values() if isinstance(value, pages.Text)], ids=repr)
def test_texts_end_no_word_of_html_json_or_haproxys_configuration(text: pages.Text) -> None:
    for told in (text.title, *text.sentences):
        assert re.fullmatch(r"[A-Za-z0-9 ,.;:-]+", told)
