"""The image holds a tunnel client in these tests, whatever the checkout holds."""

import pytest

from amalthea.remote.firecrest import script


@pytest.fixture(autouse=True)
def tunnel_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "tunnel_client", lambda: b"# the tunnel's client\n")
