"""The real git must work by way of the proxy as if it had the user's token itself, and never get to see it."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.sidecars.gitproxy.conftest import ProxyProcess, make_repository
from tests.sidecars.gitproxy.forge import Forge

Start = Callable[..., Awaitable[ProxyProcess]]
MEBIBYTE = 2**20


@pytest.mark.usefixtures("repository")
async def test_clone_fetch_and_a_large_push_carry_the_token(start: Start, forge: Forge, tmp_path: Path) -> None:
    proxy = await start()
    clone = tmp_path / "clone"

    cloned = await proxy.git("clone", f"{forge.url}/lab/data.git", str(clone))
    assert cloned.code == 0, cloned.output + proxy.log
    (clone / "large").write_bytes(os.urandom(3 * MEBIBYTE))
    for command in (("add", "."), ("commit", "--message=large"), ("push",), ("fetch",)):
        done = await proxy.git(*command, cwd=clone)
        assert done.code == 0, done.output + proxy.log

    assert any(each.chunked and each.path.endswith("git-receive-pack") for each in forge.asked), "no chunked push"
    assert {each.authorization for each in forge.asked} == {forge.asked[0].authorization}
    assert "provider-token" not in (clone / ".git" / "config").read_text() + proxy.log
    assert (forge.token_questions, forge.renewals) == (1, 0)


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("copies", [False, True], ids=["plain", "token sent back"])
async def test_large_files_travel_by_lfs(start: Start, forge: Forge, tmp_path: Path, copies: bool) -> None:
    forge.copies = copies
    proxy = await start()
    clone, again = tmp_path / "clone", tmp_path / "again"
    data = os.urandom(2 * MEBIBYTE)
    await proxy.git("lfs", "install", cwd=tmp_path)
    await proxy.git("clone", f"{forge.url}/lab/data.git", str(clone))
    await proxy.git("lfs", "track", "*.bin", cwd=clone)
    (clone / "x.bin").write_bytes(data)
    for command in (("add", "."), ("commit", "--message=lfs"), ("push",)):
        done = await proxy.git(*command, cwd=clone)
        assert done.code == 0, done.output + proxy.log

    done = await proxy.git("clone", f"{forge.url}/lab/data.git", str(again))

    assert done.code == 0, done.output + proxy.log
    assert (again / "x.bin").read_bytes() == data


async def test_four_clones_at_once_need_little_memory(start: Start, forge: Forge, tmp_path: Path) -> None:
    files = {f"{number}": os.urandom(MEBIBYTE) for number in range(30)}
    make_repository(forge.folder / "lab" / "data.git", files)
    proxy = await start()

    clones = (proxy.git("clone", f"{forge.url}/lab/data.git", str(tmp_path / f"{number}")) for number in range(4))
    done = await asyncio.gather(*clones)

    assert [each.code for each in done] == [0, 0, 0, 0], done
    assert proxy.peak_memory <= 48 * MEBIBYTE, f"{proxy.peak_memory / MEBIBYTE:.1f} MiB"


@pytest.mark.usefixtures("repository")
async def test_a_token_that_the_provider_refuses_is_renewed_once(start: Start, forge: Forge, tmp_path: Path) -> None:
    proxy = await start()
    assert (await proxy.git("ls-remote", f"{forge.url}/lab/data")).code == 0

    forge.accepted = forge.given = "provider-token-2"
    done = await proxy.git("clone", f"{forge.url}/lab/data.git", str(tmp_path / "clone"))

    assert done.code == 0, done.output + proxy.log
    assert forge.token_questions == 2


@pytest.mark.usefixtures("repository")
async def test_a_large_push_whose_token_is_refused_at_the_last_moment_goes_through(
    start: Start, forge: Forge, tmp_path: Path
) -> None:
    """A body that is too long to be kept is sent once; git asks first, with a short one, whether it is let in."""
    proxy = await start()
    clone = tmp_path / "clone"
    await proxy.git("clone", f"{forge.url}/lab/data.git", str(clone))
    (clone / "large").write_bytes(os.urandom(3 * MEBIBYTE))
    for command in (("add", "."), ("commit", "--message=large")):
        await proxy.git(*command, cwd=clone)
    forge.renewed_after = "/info/refs"

    done = await proxy.git("push", cwd=clone)

    assert done.code == 0, done.output + proxy.log
    assert forge.accepted == "provider-token-2"
    assert [each.chunked for each in forge.asked if each.path.endswith("git-receive-pack")] == [False, False, True]


@pytest.mark.usefixtures("repository")
async def test_a_token_that_expires_between_two_requests_is_replaced_before_its_use(start: Start, forge: Forge) -> None:
    forge.expires_at = time.time() + 30  # too soon to set out with
    proxy = await start()

    for number in (1, 2):
        assert (await proxy.git("ls-remote", f"{forge.url}/lab/data")).code == 0
        assert forge.token_questions >= number

    assert all(each.authorization for each in forge.asked)


@pytest.mark.usefixtures("repository")
async def test_renku_tokens_rotate_and_the_newest_are_used(start: Start, forge: Forge) -> None:
    proxy = await start()
    forge.access = "renku-access-elsewhere"  # the first is no longer good

    first = await proxy.git("ls-remote", f"{forge.url}/lab/data")
    forge.access, forge.accepted, forge.given = "renku-access-elsewhere", "provider-token-2", "provider-token-2"
    second = await proxy.git("ls-remote", f"{forge.url}/lab/data")

    assert (first.code, second.code, forge.renewals) == (0, 0, 2), proxy.log


@pytest.mark.usefixtures("repository")
async def test_a_revoked_connection_leaves_open_repositories_open(start: Start, forge: Forge) -> None:
    make_repository(forge.folder / "open" / "data", {"README": b"open\n"})
    forge.given = ""
    proxy = await start()

    shut = await proxy.git("ls-remote", f"{forge.url}/lab/data")
    opened = await proxy.git("ls-remote", f"{forge.url}/open/data")

    assert (shut.code != 0, opened.code) == (True, 0), opened.output + proxy.log
    assert "Connect that account in Renku" in proxy.log


@pytest.mark.usefixtures("repository")
async def test_renku_being_down_is_told_to_the_user_in_a_sentence(start: Start, forge: Forge) -> None:
    forge.down = 503
    proxy = await start()

    done = await proxy.git("ls-remote", f"{forge.url}/lab/data")
    assert "503" in done.output
    assert "The token for forge could not be obtained from Renku (answer 503). Try again later." in done.output

    forge.down = 0
    assert (await proxy.git("ls-remote", f"{forge.url}/lab/data")).code == 0


@pytest.mark.usefixtures("repository")
async def test_a_provider_being_down_is_told_to_the_user_and_the_proxy_goes_on(start: Start, forge: Forge) -> None:
    proxy = await start()
    assert (await proxy.git("ls-remote", f"{forge.url}/lab/data")).code == 0
    await forge.stop()

    done = await proxy.git("ls-remote", f"{forge.url}/lab/data")

    assert "0.0.0.0 cannot be reached" in done.output
    assert proxy.process.poll() is None


@pytest.mark.usefixtures("repository")
async def test_a_repository_that_was_renamed_keeps_its_token(start: Start, forge: Forge, tmp_path: Path) -> None:
    (forge.folder / "lab" / "data.git").rename(forge.folder / "lab" / "renamed.git")
    forge.renamed["lab/data.git"] = "lab/renamed.git"
    proxy = await start()
    clone = tmp_path / "clone"

    for command in (
        ("clone", f"{forge.url}/lab/data.git", str(clone)),
        ("-C", str(clone), "commit", "--allow-empty", "--message=more"),
        ("-C", str(clone), "push"),
        ("-C", str(clone), "remote", "set-url", "origin", f"{forge.url}/lab/renamed"),
        ("-C", str(clone), "fetch"),
    ):
        done = await proxy.git(*command)
        assert done.code == 0, done.output + proxy.log
    assert (await proxy.git("ls-remote", f"{forge.url}/lab/data-of-others")).code != 0
    assert "a repository was renamed" in proxy.log


@pytest.mark.usefixtures("repository")
async def test_large_and_small_letters_are_one_where_a_setting_says_so(start: Start, forge: Forge) -> None:
    (forge.folder / "LAB").mkdir()
    (forge.folder / "LAB" / "Data.git").symlink_to(forge.folder / "lab" / "data.git")
    for hosts, code in (("", 128), ("0.0.0.0", 0)):
        proxy = await start(CASELESS_HOSTS=hosts)
        done = await proxy.git("ls-remote", f"{forge.url}/LAB/Data.git")
        assert done.code == code, done.output + proxy.log


@pytest.mark.usefixtures("repository")
async def test_another_repository_of_the_same_provider_gets_no_token(start: Start, forge: Forge) -> None:
    proxy = await start()

    done = await proxy.git("ls-remote", f"{forge.url}/lab/data-of-others")

    assert done.code != 0
    assert {each.authorization for each in forge.asked} == {""}


@pytest.mark.usefixtures("repository")
async def test_an_anonymous_session_touches_nothing(start: Start, forge: Forge) -> None:
    make_repository(forge.folder / "open" / "data", {"README": b"open\n"})
    proxy = await start(ANONYMOUS_SESSION="true", RENKU_ACCESS_TOKEN="", RENKU_REFRESH_TOKEN="")

    assert (await proxy.git("ls-remote", f"{forge.url}/open/data")).code == 0
    assert (forge.token_questions, {each.authorization for each in forge.asked}) == (0, {""})


async def test_its_health_is_asked_by_way_of_the_proxy_itself(start: Start) -> None:
    proxy = await start()
    assert await health_of(proxy, "/health") == 200
    assert await health_of(proxy, "/ping") == 200
    assert await health_of(proxy, "/elsewhere") == 404

    proxy.process.send_signal(signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        await health_of(proxy, "/health")
    proxy.process.send_signal(signal.SIGCONT)
    assert await health_of(proxy, "/health") == 200


async def test_nobody_outside_of_the_pod_can_use_the_proxy(start: Start) -> None:
    proxy = await start()
    with pytest.raises(ConnectionRefusedError):  # an address of this machine, and not the one that git uses
        await asyncio.open_connection("127.0.0.2", proxy.port)
    _, writer = await asyncio.open_connection("127.0.0.2", proxy.health_port)
    writer.close()


async def health_of(proxy: ProxyProcess, path: str) -> int:
    """Ask as the kubelet does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.health_port)
    try:
        async with asyncio.timeout(2):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: pod\r\n\r\n".encode())
            return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def test_sigterm_ends_it_at_once_and_well_even_with_open_connections(start: Start) -> None:
    proxy = await start()
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"CONNECT")
    await writer.drain()

    assert await proxy.stop() == 0
    writer.close()
