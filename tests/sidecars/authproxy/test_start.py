"""The door starts whole or not at all, and says in one line what to do."""

import os
import signal
import socket
import subprocess
from pathlib import Path

from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.door import BEARER, KEY, NAVIGATION, SECONDS
from tests.support import sidecars
from tests.support.folders import let_others_in
from tests.support.processes import free_port

USER = "1000:1000"


def run(*flags: str, **env: str) -> tuple[int, str]:
    """Start a door that is to end by itself; return its exit code and what it said."""
    command = sidecars.sidecars("proxy", "serve", *flags)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=20)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_bad_file_ends_it_with_one_line(tmp_path: Path) -> None:
    config = tmp_path / "config"
    for content in (f"tokn: {KEY}", "cookie_key: x", "", KEY, "token: [", f"token: {KEY}\nremote: ftp://x"):
        config.write_text(content)
        code, said = run("--config", str(config))
        assert (code, said.count("\n"), KEY in said) == (2, 1, False), said
    assert run("--config", str(tmp_path / "none")) == (
        2,
        f"{tmp_path}/none cannot be read (No such file or directory); name the configuration file.\n",
    )
    assert run("--fly")[0] == 2


def test_a_taken_port_ends_it_with_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        ports = [{"PORT": taken, "META_PORT": str(free_port())}, {"PORT": str(free_port()), "META_PORT": taken}]
        for each in ports:
            env = {f"AUTHPROXY_{name}": value for name, value in each.items()}
            code, said = run(**{"AUTHPROXY_REMOTE": "http://127.0.0.1:1", **env})
            assert (code, said.count("\n")) == (3, 1)
            assert said.startswith(f"Port {taken} cannot be opened (Address already in use)")


def test_a_host_that_nobody_knows_ends_it_with_one_line() -> None:
    ports = {"AUTHPROXY_PORT": str(free_port()), "AUTHPROXY_META_PORT": str(free_port())}
    for host in ("no.such.host.invalid", "a..b", "[1::2::3]"):
        code, said = run(**ports, AUTHPROXY_REMOTE=f"http://{host}:8888")
        assert (code, said.count("\n")) == (1, 1)
        assert said.startswith(f"The host {host.strip('[]')} of remote cannot be resolved (")


def test_a_stop_ends_it_also_while_it_starts(tmp_path: Path) -> None:
    """It is the first process of its container, which no signal ends by itself."""
    config = tmp_path / "config"
    os.mkfifo(config)
    command = sidecars.sidecars("proxy", "serve", "--config", str(config))
    first = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", *command])
    with config.open("wb"):  # once it reads
        children = Path(f"/proc/{first.pid}/task/{first.pid}/children")
        os.kill(int(children.read_text()), signal.SIGTERM)
        assert first.wait(SECONDS) == 0


async def test_it_needs_no_folder_that_it_can_write_and_says_nothing_while_all_is_well(open_door: Open) -> None:
    door = await open_door()
    await door.ask("/", NAVIGATION)
    files = door.open_files - {door.log_file}
    assert await door.end() == 0
    assert door.log == ""
    assert not [path for path in files if path.is_file() and not str(path).startswith("/memfd:")]


def steal(port: int) -> subprocess.CompletedProcess[str]:
    """Try to share a port as the door's own user, as a program of the session could."""
    script = (
        "import socket; thief = socket.socket(); thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1);"
        f"thief.bind(('0.0.0.0', {port})); thief.listen(); print('shared')"
    )
    return subprocess.run(sidecars.python("-c", script, user=USER), capture_output=True, text=True, check=False)


async def test_no_program_of_the_same_user_shares_its_ports(open_door: Open, tmp_path: Path) -> None:
    let_others_in(tmp_path)
    door = await open_door(user=USER)
    for port in (door.port, door.meta_port):
        tried = steal(port)
        assert "Address already in use" in tried.stderr, tried
    assert {(await door.ask("/", BEARER)).status for _ in range(20)} == {200}


async def test_behind_oauth2_proxy_only_the_pods_own_address_is_let_in(open_door: Open) -> None:
    """127.0.0.6 is where a service mesh (Istio) delivers strangers from."""
    door = await open_door(with_file=False)
    for source, status in (("127.0.0.1", 200), ("127.0.0.6", 403), ("127.0.0.2", 403)):
        browser = await door.connect(source=source)
        assert (await browser.ask("/")).status == status
        health = await door.connect(source=source)
        assert (await health.ask("/__amalthea__/health")).status == 200
