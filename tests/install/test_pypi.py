"""`pip install amalthea`, from an index like PyPI, into an environment with nothing in it, as wheel and as sdist."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import amalthea
from lab.programs import binaries

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(300)


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and logs nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        pass


def run(*command: str | Path, **environment: str) -> str:
    """Run a command and return its output; whatever index the machine is set to is not asked."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "MAKE"))}
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a package index with what `make build` made and its pinned requirements; return its address."""
    folder = tmp_path_factory.mktemp("index")
    subprocess.run(["make", "build", f"DIST={folder / 'files'}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    for pinned in ("operator", "build"):
        download = (sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--dest", folder / "files")
        subprocess.run([*download, "--requirement", f"requirements/{pinned}.txt"], cwd=ROOT, check=True)
    for file in (folder / "files").iterdir():
        project = folder / "simple" / file.name.partition("-")[0].lower().replace("_", "-").replace(".", "-")
        project.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, project)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple/"
        server.shutdown()


@pytest.fixture
def install(index: str, tmp_path: Path) -> Callable[..., Path]:
    """Installs into a fresh environment and returns the folder of its programs."""

    def install(*what: str) -> Path:
        run(sys.executable, "-m", "venv", tmp_path / "fresh")
        programs = tmp_path / "fresh" / "bin"
        run(programs / "pip", "install", "--quiet", "--no-cache-dir", "--index-url", index, *what)
        return programs

    return install


FORMS = {"wheel": ("amalthea",), "sdist": ("--no-binary", "amalthea", "amalthea"), "source tree": (".",)}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_it_gives_a_program_and_a_plugin_of_kubectl(install: Callable[..., Path], form: tuple[str, ...]) -> None:
    programs = install(*form)
    version = f"{amalthea.__version__}\n"
    assert run(programs / "amalthea", "--version") == f"amalthea {version}"
    path = f"{programs}:/usr/bin:/bin"
    assert run(binaries.path("kubectl"), "amalthea", "--version", PATH=path) == f"amalthea {version}"
    assert "usage: kubectl amalthea explain" in run(binaries.path("kubectl"), "amalthea", "explain", "-h", PATH=path)
    assert "_shtab_amalthea" in run(programs / "amalthea", "completion", "bash")
    ask = "from importlib.metadata import metadata; import json; print(json.dumps(metadata('amalthea').json))"
    page = json.loads(run(programs / "python", "-c", ask))
    assert page["license_expression"] == "Apache-2.0"
    links = re.findall(r"\]\(([^)]+)\)", page["description"])
    assert links
    assert not [link for link in links if not link.startswith("https://")], "on an index, a relative link leads nowhere"


def test_without_the_extra_for_certificates_the_operator_starts_or_says_what_it_needs(
    install: Callable[..., Path], tmp_path: Path
) -> None:
    programs = install("amalthea")
    (tmp_path / "kubeconfig").write_text("{}")
    flags = ("operator", f"--kubeconfig={tmp_path / 'kubeconfig'}", "--metrics-bind-address=127.0.0.1:0")
    done = subprocess.run([programs / "amalthea", *flags], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "install amalthea[tls]" in done.stderr
    done = subprocess.run(
        [programs / "amalthea", *flags, "--metrics-secure=false"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "amalthea[tls]" not in done.stderr
