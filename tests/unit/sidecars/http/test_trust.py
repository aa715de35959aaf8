"""Authorities of institutes are believed as they are, mounted ones besides the system's, and never nobody's."""

import ssl
from pathlib import Path

import pytest

from amalthea.sidecars.http import trust
from lab.base.pki import Authority


@pytest.mark.usefixtures("strict")
def test_authorities_need_no_extensions_that_only_the_newest_python_demands() -> None:
    made = trust.context({})

    assert not made.verify_flags & ssl.VERIFY_X509_STRICT
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_mounted_authorities_are_believed_besides_the_systems(tmp_path: Path) -> None:
    one, other = (Authority(tmp_path / name).pair.certificate for name in ("one", "other"))
    before = trust.context({}).cert_store_stats()["x509_ca"]

    made = trust.context({"SSL_CERT_FILE": str(one), "REQUESTS_CA_BUNDLE": str(other)})

    assert made.cert_store_stats()["x509_ca"] == before + 2


@pytest.mark.parametrize("name", trust.VARIABLES)
def test_a_file_without_certificates_is_told_with_its_variable(name: str, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("none")

    with pytest.raises(ValueError, match=f"^{name} names .*ca.crt, which cannot be used .*; name a PEM file"):
        trust.context({name: str(tmp_path / "ca.crt")})
