"""Credentials come as people write them; what cannot be used is refused without a word of it."""

from pathlib import Path

import pytest

from amalthea.sidecars.cloner.access.credentials import Access, Key, Login, read
from amalthea.sidecars.cloner.errors import Misconfigured
from lab.base.pki import Authority


@pytest.mark.parametrize(
    ("text", "credentials"),
    [
        ("username: me\npassword: hush\n", Login("me", "hush")),
        ("Username: me\nPASSWORD: 0123\n", Login("me", "0123")),
        ('{"username": "me", "password": "a: b"}', Login("me", "a: b")),
        ("privateKey: |\n  k1\n  k2\n", Key("k1\nk2\n")),
        ('privatekey: "k1\\r\\nk2"\npassword: hush\n', Key("k1\nk2\n", "hush")),
        ("\ufeffusername: me\r\npassword: true\r\n", Login("me", "true")),
        ("username: 1\npassword: 1.50\n", Login("1", "1.50")),
        ("privateKey: k\npassword:\nknownHosts: h.org ssh-rsa A\n", Key("k\n", "", "h.org ssh-rsa A")),
    ],
    ids=["login", "digits stay text", "json", "key", "key with password", "byte order mark", "numbers", "known hosts"],
)
def test_credentials_are_read(text: str, credentials: Login | Key) -> None:
    assert read(text, "/secrets/auth") == Access(credentials)


@pytest.mark.parametrize(
    ("text", "credentials"),
    [("username: me\npassword: hush\n", Login("me", "hush")), ("privateKey: k\n", Key("k\n")), ("", None)],
)
def test_authorities_may_go_with_either_or_stand_alone(
    text: str, credentials: Login | Key | None, tmp_path: Path
) -> None:
    pem = Authority(tmp_path).pair.certificate.read_text()
    commented = f"# Universität Zürich\n{pem}"
    block = "".join(f"  {line}\n" for line in commented.splitlines())

    assert read(f"{text}caCertificates: |\n{block}", "/secrets/auth") == Access(credentials, commented)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hush",
        "- hush",
        "username: me",
        "password: hush",
        "username: [hush]\npassword: hush",
        "username: 'hush",
        'username: me\npassword: "hush\\nhost=evil"',
        'username: "me\\0"\npassword: hush',
        'username: me\npassword: "hush\\ud800"',
        'username: me\npassword: "hush\\U99999999"',
        "[" * 3000,
        "{hush: " * 3000,
        "username: me\npassword: hush\ncaCertificates: hush",
        "username: me\npassword: hush\ncaCertificates: ä",
        "caCertificates: |\n  -----BEGIN CERTIFICATE-----\n  hush\n  -----END CERTIFICATE-----\n",
    ],
    ids=lambda text: text[:60],
)
def test_what_are_no_credentials_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"^/secrets/auth .*; write .*\.$") as refused:
        read(text, "/secrets/auth")

    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_nothing_that_prints_shows_them() -> None:
    assert "hush" not in repr(Login("hush", "hush"))
    assert "hush" not in repr(Key("hush", "hush"))
