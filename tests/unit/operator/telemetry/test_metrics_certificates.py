"""A certificate that cert-manager renews is served without a restart, and a broken one does not end the metrics."""

import logging
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from amalthea.operator.telemetry import metrics_access

MOMENTS = count(1_700_000_000_000_000_000, 1_000_000_000)


def write(folder: Path, certificate: bytes, key: bytes | None = None) -> None:
    """Write a pair of files, as new ones whatever the clock says; a certificate may hold its key as well."""
    for name, pem in (("tls.crt", certificate), ("tls.key", key or certificate)):
        (folder / name).write_bytes(pem)
        moment = next(MOMENTS)
        os.utime(folder / name, ns=(moment, moment))


def a_pair() -> bytes:
    return metrics_access._self_made(datetime.now(UTC))


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Serve TLS handshakes with the certificate in the folder; return the port."""
    write(tmp_path, a_pair())
    context = metrics_access.server_tls(tmp_path, datetime.now(UTC))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with suppress(OSError), context.wrap_socket(connection, server_side=True) as wrapped:
                        wrapped.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)


def served(port: int, name: str | None) -> bytes:
    """Return the certificate that a client is shown that names a server, or none."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), timeout=5)
    with context.wrap_socket(plain, server_hostname=name) as wrapped:
        found = wrapped.getpeercert(binary_form=True)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["metrics.example.org", None])
def test_a_renewed_certificate_is_served_from_the_second_connection_on(
    port: int, tmp_path: Path, name: str | None
) -> None:
    before = served(port, name)
    write(tmp_path, a_pair())
    served(port, name)
    after = served(port, name)
    assert after != before
    assert served(port, name) == after


@pytest.mark.parametrize("torn", [True, False], ids=["half of it", "another's key"])
def test_a_failed_renewal_is_logged_and_the_old_certificate_stays(
    port: int, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, torn: bool
) -> None:
    before = served(port, None)
    write(tmp_path, *((b"half of it",) if torn else (a_pair().partition(b"-----END PRIVATE KEY-----\n")[2], a_pair())))
    with caplog.at_level(logging.WARNING):
        assert [served(port, None) for _ in range(2)] == [before, before]
    assert "a renewed certificate for the metrics cannot be used" in caplog.text
    write(tmp_path, a_pair())
    served(port, None)
    assert served(port, None) != before
