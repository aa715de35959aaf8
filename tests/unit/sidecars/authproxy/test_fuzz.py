"""Whatever is in the file: it is refused in one line, or HAProxy's configuration has its own lines and no others.

Seconds here; `make fuzz` goes on for minutes (FUZZ_EXAMPLES).
"""

import os
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from amalthea.sidecars.authproxy import configuration, document, sign_in
from amalthea.sidecars.authproxy.configuration import Place
from amalthea.sidecars.authproxy.document import Given, SettingsError
from amalthea.sidecars.authproxy.settings import Settings, read

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
PLACE = Place(("0.0.0.0:1",), ("0.0.0.0:2",), 3, "/work.lua")
PIECES = (
    *document.KEYS,
    *("authproxy", "renku-auth", "http://127.0.0.1:8888", "/sessions/x/", "true", "65535", "s3cret", "null"),
    *("'", '"', "\\", "\\x27", "#", "$HOME", "${X}", "%[src]", "%", "{", "}", "(", ")", ","),
    *(" ", "  ", "\t", "\n", "\r", "\0", "\u2028", "\u0085"),
    *(": ", ":\n  ", "- ", "&a ", "*a", "!!python/object:os.system ", "!!int ", "|\n  ", "---\n"),
)
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=12).map("".join)


def lines_of(text: str) -> list[str]:
    """Return the lines' first words, where nothing but ASCII may be."""
    assert text.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    return [line.split()[0] for line in text.split("\n") if line]


@settings(max_examples=EXAMPLES, deadline=None)
@given(texts)
def test_any_text_is_a_file_that_can_be_used_or_refused_in_one_line(content: str) -> None:
    try:
        document.parse(content, "/file")
    except SettingsError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert "s3cret" not in str(error)  # noqa: PT017


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.dictionaries(st.sampled_from(document.KEYS), texts))
def test_no_value_writes_a_line_of_its_own_into_haproxys_configuration(values: dict[str, str]) -> None:
    plain = {"token": "t", "remote": "http://h:1", "strip_path_prefix": "/p"}
    file = {key: Given(value, key) for key, value in {**plain, **values}.items()}
    try:
        wanted = read({}, {}, file)
    except SettingsError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    text = configuration.render(wanted, PLACE)
    same = read({}, {}, {key: Given(value, key) for key, value in plain.items()})
    assert lines_of(text) == lines_of(configuration.render(like(same, wanted), PLACE))


def like(plain: Settings, wanted: Settings) -> Settings:
    """Return harmless settings that have the same parts."""
    return Settings(
        plain.token if wanted.token else "",
        plain.cookie_key,
        plain.remote,
        plain.port,
        plain.meta_port,
        wanted.strip_path_prefix and plain.strip_path_prefix,
        verbose=wanted.verbose,
        cookie_path="/p" if sign_in.field(wanted) else None,
        controller=plain.remote if wanted.controller else "",
    )
