"""Exec plugins: asked rarely, never shown, and distinguished when they fail."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from amalthea.kube.auth import config, plugin, tls
from amalthea.kube.auth.config import Config
from amalthea.kube.auth.credentials import ConfigError
from amalthea.testing.clock import FakeClock
from tests.unit.kube.certificates import self_signed

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"


def answer(version: str = V1, **status: str) -> str:
    return json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})


def configured(folder: Path, clock: FakeClock, script: str, **entry: Any) -> Config:  # noqa: ANN401 YAML
    """Return a configuration whose plugin is a Python script that notes each call in `calls`."""
    path = folder / "plugin.py"
    path.write_text(f"import os, sys, time\nopen({str(folder / 'calls')!r}, 'a').write('x')\n{script}\n")
    said: dict[str, Any] = {"apiVersion": V1, "command": sys.executable, "args": [str(path)]} | entry
    content: Mapping[str, Any] = {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "https://api.test"}}],
        "users": [{"name": "u", "user": {"exec": said}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    (folder / "config").write_text(yaml.safe_dump(content))
    return config.load({}, clock, folder / "config")


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text())


@pytest.mark.parametrize("version", [V1, V1BETA1])
async def test_a_token_is_asked_for_once_for_all_who_wait(tmp_path: Path, version: str) -> None:
    loaded = configured(tmp_path, FakeClock(), f"print({answer(version, token='t')!r})", apiVersion=version)
    assert set(await asyncio.gather(*(loaded.credentials.token() for _ in range(5)))) == {"t"}
    assert calls(tmp_path) == 1


async def test_a_token_is_kept_until_shortly_before_it_expires(tmp_path: Path) -> None:
    clock = FakeClock()
    loaded = configured(tmp_path, clock, f"print({answer(token='t', expirationTimestamp='2026-01-01T13:00:00Z')!r})")
    await loaded.credentials.token()
    await clock.advance(3580)
    await loaded.credentials.token()
    assert calls(tmp_path) == 1
    await clock.advance(15)
    await loaded.credentials.token()
    assert calls(tmp_path) == 2


async def test_after_a_refusal_another_token_is_worth_another_attempt(tmp_path: Path) -> None:
    script = f"print({answer(token='T')!r}.replace('T', str(os.path.getsize({str(tmp_path / 'calls')!r}))))"
    loaded = configured(tmp_path, FakeClock(), script)
    first = await loaded.credentials.token()
    assert await loaded.credentials.renew()
    assert await loaded.credentials.token() != first


async def test_after_a_refusal_the_same_token_is_not(tmp_path: Path) -> None:
    loaded = configured(tmp_path, FakeClock(), f"print({answer(token='t')!r})")
    await loaded.credentials.token()
    assert not await loaded.credentials.renew()


async def test_a_certificate_from_a_plugin_is_presented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    presented: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(tls, "present", lambda _, certificate, key: presented.append((certificate, key)))
    pair = self_signed("me")
    said = answer(clientCertificateData=pair.certificate.decode(), clientKeyData=pair.key.decode())
    loaded = configured(tmp_path, FakeClock(), f"print({said!r})")
    assert await loaded.credentials.token() is None
    assert presented == [(pair.certificate, pair.key)]


async def test_a_plugin_is_told_the_protocol_its_variables_and_the_cluster(tmp_path: Path) -> None:
    script = (
        "print(os.environ['REPLY'] if '\"server\":\"https://api.test\"' in os.environ['KUBERNETES_EXEC_INFO'] else '')"
    )
    env = [{"name": "REPLY", "value": answer(token="t")}]
    loaded = configured(tmp_path, FakeClock(), script, env=env, provideClusterInfo=True)
    assert await loaded.credentials.token() == "t"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sys.exit(3)", "ended with exit code 3"),
        ("print('SECRET')", "printed no ExecCredential"),
        (f"print({answer(V1BETA1, token='SECRET')!r})", f"answered with apiVersion '{V1BETA1}'"),
        (f"print({answer()!r})", "answered with neither a token nor a client certificate"),
        (
            f"print({answer(clientCertificateData='SECRET', clientKeyData='SECRET')!r})",
            "answered with an unusable client certificate",
        ),
    ],
)
async def test_a_plugin_that_fails_is_named_and_its_output_never_shown(tmp_path: Path, script: str, said: str) -> None:
    loaded = configured(tmp_path, FakeClock(), script)
    with pytest.raises(ConfigError) as caught:
        await loaded.credentials.token()
    assert f"{tmp_path / 'config'}: users[u]: exec.command: {sys.executable} {said}" in str(caught.value)
    assert "SECRET" not in str(caught.value)


async def test_a_plugin_that_is_not_installed_is_named_with_how_to_get_it(tmp_path: Path) -> None:
    loaded = configured(tmp_path, FakeClock(), "", command="./no-such-program", installHint="install it so")
    with pytest.raises(ConfigError, match=r"no-such-program cannot be run: .* \(install it so\)"):
        await loaded.credentials.token()


async def test_a_plugin_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "_TIME_LIMIT", 0.3)
    loaded = configured(tmp_path, FakeClock(), "time.sleep(60)")
    with pytest.raises(ConfigError, match="did not answer within"):
        await loaded.credentials.token()
