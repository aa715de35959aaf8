"""Certificates name their holders, and keys are for their owner's eyes only."""

import base64
import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.base.pki import Authority, KeyPair, write_secret
from lab.control_plane import kubeconfig


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Everything that does not ask for less can be read by everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def certificate(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


@pytest.mark.usefixtures("open_umask")
def test_no_key_can_be_read_by_others(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    authority.client("alice")
    authority.server("kube-apiserver", ["localhost"])
    authority.signing_key("service-accounts")
    written = kubeconfig.write(tmp_path / "a.kubeconfig", "https://x", authority.pair.certificate, authority.pair)
    keys = [*(tmp_path / "pki").glob("*.key"), written]
    assert len(keys) == 5
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}


@pytest.mark.usefixtures("open_umask")
def test_a_secret_file_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("a longer text than the new one")
    write_secret(path, b"secret")
    assert path.read_bytes() == b"secret"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_server_is_known_by_its_names_and_its_addresses(authority: Authority) -> None:
    issued = certificate(authority.server("kube-apiserver", ["localhost", "kubernetes.default", "198.19.0.1"]))
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "kubernetes.default"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["198.19.0.1"]


def test_a_client_is_a_user_with_groups_and_cannot_pose_as_a_server(authority: Authority) -> None:
    issued = certificate(authority.client("system:node:lab", ["system:nodes", "more"]))
    assert [name.value for name in issued.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["system:node:lab"]
    groups = issued.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert [name.value for name in groups] == ["system:nodes", "more"]
    usage = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_users_whose_names_look_alike_as_files_have_certificates_of_their_own(authority: Authority) -> None:
    users = ["a:b", "a/b", "a_b", "../a"]
    assert len({authority.client(user).certificate for user in users}) == len(users)
    assert {authority.client(user).certificate.parent for user in users} == {authority.folder}


def test_an_authority_is_found_again_so_that_old_kubeconfigs_still_work(authority: Authority) -> None:
    again = Authority(authority.folder)
    issued = certificate(again.client("alice"))
    issued.verify_directly_issued_by(certificate(authority.pair))
    keys = again.signing_key("service-accounts").key.read_bytes()
    assert authority.signing_key("service-accounts").key.read_bytes() == keys


def test_a_kubeconfig_carries_everything_that_it_needs(authority: Authority, tmp_path: Path) -> None:
    pair = authority.client("alice")
    path = kubeconfig.write(tmp_path / "k", "https://127.0.0.1:6443", authority.pair.certificate, pair)
    config = json.loads(path.read_text())
    (context,) = config["contexts"]
    (cluster,) = config["clusters"]
    (user,) = config["users"]
    assert config["current-context"] == context["name"]
    assert context["context"] == {"cluster": cluster["name"], "user": user["name"]}
    assert cluster["cluster"]["server"] == "https://127.0.0.1:6443"
    trusted = base64.b64decode(cluster["cluster"]["certificate-authority-data"]).decode()
    assert ssl.create_default_context(cadata=trusted).cert_store_stats()["x509_ca"] == 1
    assert base64.b64decode(user["user"]["client-certificate-data"]) == pair.certificate.read_bytes()
    assert base64.b64decode(user["user"]["client-key-data"]) == pair.key.read_bytes()
