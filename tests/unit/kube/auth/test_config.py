"""The wrong server, the wrong user or a leaked key: what a configuration must never lead to."""

import base64
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from amalthea.kube.auth import config, tls
from amalthea.kube.auth.config import Config
from amalthea.kube.auth.credentials import ConfigError, TokenFile
from amalthea.testing.clock import FakeClock
from tests.unit.kube.certificates import Pair, self_signed


@pytest.fixture(scope="module")
def pair() -> Pair:
    return self_signed("kubernetes.test")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def kubeconfig(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "https://api.test:6443/"} | (cluster or {})}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "mine"}}],
    }


def load(folder: Path, content: object, context: str | None = None, **environ: str) -> Config:
    path = folder / "config"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return config.load(environ, FakeClock(), path, context)


async def test_a_token_and_an_authority_are_used(tmp_path: Path, pair: Pair) -> None:
    loaded = load(tmp_path, kubeconfig({"certificate-authority-data": b64(pair.certificate)}, {"token": "top secret"}))
    assert (loaded.server, loaded.namespace) == ("https://api.test:6443", "mine")
    assert await loaded.credentials.token() == "top secret"
    assert not await loaded.credentials.renew()
    assert loaded.tls is not None
    assert loaded.tls.verify_mode is ssl.CERT_REQUIRED
    assert loaded.tls.check_hostname
    assert not loaded.tls.verify_flags & ssl.VERIFY_X509_STRICT, "authorities of running clusters fail it"
    assert len(loaded.tls.get_ca_certs()) == 1
    assert "secret" not in repr(loaded)


def test_relative_paths_start_at_their_own_file(tmp_path: Path, pair: Pair) -> None:
    (tmp_path / "ca.crt").write_bytes(pair.certificate)
    (tmp_path / "me.crt").write_bytes(pair.certificate)
    (tmp_path / "me.key").write_bytes(pair.key)
    user = {"client-certificate": "me.crt", "client-key": "me.key"}
    loaded = load(tmp_path, kubeconfig({"certificate-authority": "ca.crt"}, user))
    assert loaded.tls is not None
    assert len(loaded.tls.get_ca_certs()) == 1


def test_a_clients_key_is_on_disk_for_nobody_else_and_not_for_long(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    modes: list[int] = []
    really_load = ssl.SSLContext.load_cert_chain

    def load_and_look(context: ssl.SSLContext, path: str) -> None:
        modes.append(os.stat(path).st_mode & 0o777)  # noqa: PTH116 as OpenSSL gets it
        really_load(context, path)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_and_look)
    load(
        tmp_path, kubeconfig(None, {"client-certificate-data": b64(pair.certificate), "client-key-data": b64(pair.key)})
    )
    assert modes == [0o600]
    assert list((tmp_path / "temporary").iterdir()) == []

    with pytest.raises(ssl.SSLError):
        tls.present(tls.context(None), b"no certificate", b"no key")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_certificates_are_checked_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    careless = load(tmp_path, kubeconfig({"insecure-skip-tls-verify": True})).tls
    careful = load(tmp_path, kubeconfig({"tls-server-name": "kubernetes"}))
    assert careless is not None
    assert careless.verify_mode is ssl.CERT_NONE
    assert careful.tls is not None
    assert careful.tls.verify_mode is ssl.CERT_REQUIRED
    assert careful.server_name == "kubernetes"


def test_the_first_of_several_files_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(yaml.safe_dump({"clusters": [{"name": "c", "cluster": {"server": "https://first"}}]}))
    both = kubeconfig()
    both["contexts"].append({"name": "there", "context": {"cluster": "other", "user": "u"}})
    both["clusters"].append({"name": "other", "cluster": {"server": "https://other"}})
    second.write_text(yaml.safe_dump(both))
    listed = {"KUBECONFIG": os.pathsep.join([str(tmp_path / "missing"), str(first), str(second)])}
    assert config.load(listed, FakeClock()).server == "https://first"
    there = config.load(listed, FakeClock(), context="there")
    assert (there.server, there.namespace) == ("https://other", "default")


def test_an_empty_file_as_kubectl_writes_it_is_understood(tmp_path: Path) -> None:
    empty: dict[str, object] = {
        "clusters": None,
        "users": None,
        "contexts": None,
        "current-context": "",
        "preferences": {},
    }
    with pytest.raises(ConfigError, match="current-context is not set"):
        load(tmp_path, empty)


def test_what_other_programs_write_into_it_is_understood(tmp_path: Path) -> None:
    """Rancher's addresses have a path, minikube adds extensions, and Go writes empty lists as null."""
    program = {"apiVersion": "client.authentication.k8s.io/v1", "command": "x", "args": None, "env": None}
    content = kubeconfig({"server": "https://rancher.test/k8s/clusters/c-m-x1"}, {"exec": program, "as-groups": None})
    content |= {"extensions": None, "preferences": {"colors": True}}
    content["clusters"][0]["cluster"]["extensions"] = [{"name": "cluster_info", "extension": {"version": "v1.36.0"}}]
    content["contexts"][0]["context"]["extensions"] = None
    loaded = load(tmp_path, content)
    assert (loaded.server, loaded.namespace) == ("https://rancher.test/k8s/clusters/c-m-x1", "mine")


@pytest.mark.parametrize(
    ("cluster", "user", "said"),
    [
        ({"server": "api.test"}, {}, "clusters[c]: server: 'api.test' is not an http or https URL"),
        ({"certificate-authority": "none.crt"}, {}, "clusters[c]: certificate-authority: cannot read none.crt"),
        ({"certificate-authority-data": b64(b"junk")}, {}, "clusters[c]: certificate-authority-data: holds no"),
        ({"certificate-authority-data": "%%%"}, {}, "$.clusters[0].cluster.certificate-authority-data"),
        ({"proxy-url": "socks5://proxy"}, {}, "clusters[c]: proxy-url: only http and https"),
        ({"server": 5}, {}, "$.clusters[0].cluster.server"),
        ({}, {"client-certificate-data": b64(b"x")}, "users[u]: client-certificate is set, but client-key is not"),
        ({}, {"client-certificate-data": b64(b"SECRET"), "client-key-data": b64(b"SECRET")}, "users[u]: client-cert"),
        ({}, {"username": "me", "password": "SECRET"}, "users[u]: username is not supported"),
        ({}, {"auth-provider": {"name": "gcp"}}, "users[u]: auth-provider is not supported"),
        ({}, {"as": "admin", "token": "SECRET"}, "users[u]: as is not supported"),
        ({}, {"exec": {"command": "x", "apiVersion": "v0"}}, "users[u]: exec.apiVersion: 'v0' is not one of"),
        (
            {},
            {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Always"}},
            "users[u]: exec.interactiveMode: Always",
        ),
    ],
)
def test_an_error_names_file_and_field(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, kubeconfig(cluster, user))
    assert str(tmp_path / "config") in str(caught.value)
    assert said in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("users:\n- name: u\n  user: {token: SECRET", "is not YAML (line "),
        ("- a list", "Expected `object`"),
        ("contexts: [{name: here, context: {cluster: lost}}]\ncurrent-context: here", "contexts[here]: cluster: there"),
        ("current-context: gone", "contexts: there is no entry 'gone'"),
    ],
)
def test_a_broken_file_is_named_and_never_quoted(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, content)
    assert str(tmp_path / "config") in str(caught.value)
    assert said in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_no_configuration_at_all_names_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.kube/config: cannot read the kubeconfig, .* set KUBECONFIG, or ask"):
        config.load({"HOME": str(tmp_path)}, FakeClock())
    with pytest.raises(ConfigError, match=r"KUBECONFIG: no such file: .*; set KUBECONFIG, or ask"):
        config.load({"KUBECONFIG": str(tmp_path / "none")}, FakeClock())


@pytest.mark.parametrize(
    ("server", "environ", "proxy"),
    [
        ("https://api.test", {"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ("https://api.test", {"https_proxy": "http://proxy:3128", "NO_PROXY": "other,.test"}, ""),
        ("https://api.test", {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, ""),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://proxy:3128"}, ""),
        ("https://api.test", {}, ""),
    ],
)
def test_the_environments_proxy_is_used_but_never_for_this_machine(
    tmp_path: Path, server: str, environ: dict[str, str], proxy: str
) -> None:
    assert load(tmp_path, kubeconfig({"server": server}), **environ).proxy == proxy


def test_the_proxy_of_a_cluster_goes_before_that_of_the_environment(tmp_path: Path) -> None:
    loaded = load(tmp_path, kubeconfig({"proxy-url": "http://own:1"}), HTTPS_PROXY="http://proxy:3128")
    assert loaded.proxy == "http://own:1"


@pytest.mark.parametrize(
    ("host", "server"), [("198.19.0.1", "https://198.19.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
async def test_a_pod_uses_its_service_account_and_no_proxy(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch, host: str, server: str
) -> None:
    for name, content in (("token", b"t1\n"), ("ca.crt", pair.certificate), ("namespace", b"renku")):
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(config, "SERVICE_ACCOUNT", tmp_path)
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443", "HTTPS_PROXY": "http://proxy:1"}
    loaded = config.load(environ, FakeClock())
    assert (loaded.server, loaded.namespace, loaded.proxy) == (server, "renku", "")
    assert await loaded.credentials.token() == "t1"


async def test_a_rotated_token_is_used_within_a_minute_and_read_no_more_often(tmp_path: Path) -> None:
    path, clock = tmp_path / "token", FakeClock()
    path.write_text("t1")
    credentials = TokenFile(path, clock)
    assert await credentials.token() == "t1"
    path.write_text("t2")
    await clock.advance(59)
    assert await credentials.token() == "t1"
    await clock.advance(1)
    assert await credentials.token() == "t2"
    path.unlink()
    await clock.advance(61)
    assert await credentials.token() == "t2"


async def test_a_refused_token_is_read_again_at_once(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("t1")
    credentials = TokenFile(path, FakeClock())
    assert await credentials.token() == "t1"
    assert not await credentials.renew()
    path.write_text("t2")
    assert await credentials.renew()
    assert await credentials.token() == "t2"


async def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="token: cannot read the token"):
        await TokenFile(tmp_path / "token", FakeClock()).token()
