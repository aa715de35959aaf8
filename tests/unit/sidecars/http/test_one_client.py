"""A second HTTP client would have rules of its own on redirects, CAs and proxies: programs here share one."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[4] / "src" / "amalthea"
OTHERS = {"aiohttp", "http.client", "httpx", "requests", "urllib.request", "urllib3"}
ALLOWED = {
    "remote/server.py": {"aiohttp"},  # it serves
    "sidecars/tunnel/client/dialing.py": {"urllib.request"},  # it goes to another machine, alone
}


def test_no_program_beside_a_session_brings_a_client_of_its_own() -> None:
    files = [path for folder in ("remote", "sidecars") for path in (ROOT / folder).rglob("*.py")]
    found = {str(path.relative_to(ROOT)): set(_imported(path)) & OTHERS for path in files}
    assert {name: modules for name, modules in found.items() if modules} == ALLOWED


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield (node.module or "").partition(".")[0]
