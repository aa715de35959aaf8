"""Whatever the settings accept, HAProxy must take too: what it refuses leaves a session without a door."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from amalthea.sidecars.authproxy import configuration, serve, settings
from amalthea.sidecars.authproxy.configuration import Place
from amalthea.sidecars.authproxy.document import Given
from tests.support import sidecars

LUA = Path(serve.__file__).with_name("work.lua")
PLAIN = {"token": "s3cret", "remote": "http://127.0.0.1:8888", "cookie_path": "/sessions/mine"}
texts = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"]), max_size=30)
values = st.fixed_dictionaries(
    {},
    optional={
        "token": texts,
        "cookie_key": st.from_regex(re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,9}"), fullmatch=True),
        "strip_path_prefix": texts.map("/{}".format),
        "cookie_path": texts.map("/{}".format),
        "verbose": st.sampled_from(["true", "false"]),
    },
)


def refused(folder: Path, changed: dict[str, str]) -> str:
    """Return what HAProxy says of the configuration for these settings; nothing if it takes it."""
    wanted = settings.read({}, {}, {key: Given(value, key) for key, value in {**PLAIN, **changed}.items()})
    file, lua = folder / "haproxy.cfg", folder / "work.lua"
    shutil.copyfile(LUA, lua)
    file.write_text(configuration.render(wanted, Place(("127.0.0.1:65535",), ("127.0.0.1:65534",), 1, str(lua))))
    command = sidecars.command("haproxy", "-c", "-f", str(file))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


@how(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values)
def test_haproxy_takes_what_the_settings_accept(tmp_path: Path, changed: dict[str, str]) -> None:
    assert refused(tmp_path, changed) == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cookie_key", "it's"),
        ("cookie_key", "'" * 256),
        ("token", "\U0001f600" * 1024),
        ("token", "'\"\\$HOME%[src]{}#"),
        ("strip_path_prefix", f"/{'~' * 4095}"),
        ("cookie_path", f"/{'%' * 4095}"),
    ],
    ids=lambda text: text[:20],
)
def test_haproxy_takes_the_longest_and_the_oddest(tmp_path: Path, key: str, value: str) -> None:
    assert refused(tmp_path, {key: value}) == ""


def test_what_haproxy_does_not_take_it_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "_BUFFER", "many")
    assert "tune.bufsize" in refused(tmp_path, {})
