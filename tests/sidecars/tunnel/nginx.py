"""A real ingress before the tunnel: nginx, over TLS."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from lab.base.pki import KeyPair
from lab.base.progress import Progress
from lab.base.system import Package, ensure
from tests.sidecars.tunnel.ends import PATH

_CONFIGURATION = """
daemon off; user root; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {pair.certificate}; ssl_certificate_key {pair.key};
    location {path} {{
      proxy_pass http://127.0.0.1:{to}; proxy_http_version 1.1; proxy_read_timeout {patience}s;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_set_header Host $host;
    }}
  }}
}}
"""


def _written(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(text)
    return file


@contextlib.asynccontextmanager
async def nginx(folder: Path, port: int, to: int, pair: KeyPair, patience: float = 3600) -> AsyncIterator[None]:
    """Lead the tunnel's path to the server at port `to`. A request that rests for `patience` seconds ends with 504."""
    ensure((Package("nginx-light", "nginx"),), Progress())
    text = _CONFIGURATION.format(folder=folder, port=port, to=to, pair=pair, patience=patience, path=PATH)
    file = _written(folder, text)
    process = subprocess.Popen(["nginx", "-c", file], stderr=subprocess.DEVNULL)  # noqa: ASYNC220  (not waited for)
    try:
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    (await asyncio.open_connection("127.0.0.1", port))[1].close()
                    break
                await asyncio.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
