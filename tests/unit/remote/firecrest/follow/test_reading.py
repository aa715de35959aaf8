"""Files read through an interface that counts now bytes, now characters: not a byte may be lost, nor come twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalthea.remote.firecrest.api.client import Client
from amalthea.remote.firecrest.follow import reading
from amalthea.remote.firecrest.follow.logs import Logs, Stream
from amalthea.testing.remote.cluster import MemoryFiles
from tests.unit.remote.site import Site

PATH = "/scratch/out"


async def logs_of(site: Site) -> tuple[Logs, Stream]:
    backend = await site.backend()
    client: Client = backend._client  # type: ignore[attr-defined]

    async def print_lines(lines: list[str]) -> None:
        site.printed += lines

    logs = Logs(client, print_lines)
    logs.streams = [Stream("stdout", PATH)]
    return logs, logs.streams[0]


async def drained(site: Site, logs: Logs, *, last: bool = False) -> None:
    while not await site.finish(logs.follow(last=last)):
        pass


def printed(site: Site) -> list[str]:
    return [line.removeprefix("[session/stdout] ") for line in site.printed]


LINES = [f"│ {number:05} ─── naïve ☃ 日本語 𝄞 {'é' * (number % 50)}" for number in range(480)]


@pytest.mark.parametrize("step", [1, 7, 1000, 10_000, 10**6])
async def test_no_byte_is_lost_wherever_the_writer_pauses(step: int) -> None:
    site = Site()
    content = "".join(f"{line}\n" for line in LINES[: 20 if step < 100 else 480]).encode()
    logs, _ = await logs_of(site)
    for begin in range(0, len(content), step):
        site.files.append(PATH, content[begin : begin + step])
        await drained(site, logs)
    assert printed(site) == content.decode().splitlines()


@pytest.mark.parametrize("text", ["x" * 99, "日本語" * 33, "𝄞" * 120, "aé" * 60])
async def test_what_is_far_behind_is_read_in_blocks_and_as_exactly(text: str) -> None:
    site = Site()
    lines = [f"{number} {text[: number % len(text)]}" for number in range(60_000)]
    site.files.write(PATH, "".join(f"{line}\n" for line in lines).encode())
    logs, stream = await logs_of(site)
    await drained(site, logs)
    assert printed(site) == lines
    assert stream.offset == len(site.files.content[PATH])
    assert site.firecrest.count("ops/view") > 2


async def test_more_than_firecrest_sends_at_once_is_no_obstacle() -> None:
    site = Site()
    site.files.write(PATH, b"".join(b"%07d\n" % number for number in range(700_000)))
    logs, stream = await logs_of(site)
    await drained(site, logs)
    assert (len(site.printed), stream.offset) == (700_000, 5_600_000)


async def test_bytes_that_are_no_utf_8_spoil_their_own_line_only() -> None:
    site = Site()
    logs, _ = await logs_of(site)
    for number in range(20):
        site.files.append(PATH, b"caf\xe9 %d \xff\xfe\n" % number + "ok ☃ \ufffd\n".encode())
        await drained(site, logs)
    assert printed(site) == [
        line for number in range(20) for line in (f"caf\ufffd {number} \ufffd\ufffd", "ok ☃ \ufffd")
    ]


async def test_the_last_line_is_printed_at_the_end_although_it_has_no_newline() -> None:
    site = Site()
    logs, _ = await logs_of(site)
    site.files.write(PATH, b"one\ntw")
    await drained(site, logs)
    assert printed(site) == ["one"]
    site.files.append(PATH, b"o")
    await drained(site, logs, last=True)
    assert printed(site) == ["one", "two"]
    await drained(site, logs, last=True)
    assert printed(site) == ["one", "two"]


async def test_a_file_that_was_emptied_or_replaced_is_read_from_its_start() -> None:
    site = Site()
    logs, _ = await logs_of(site)
    site.files.write(PATH, b"one\ntwo\n")
    await drained(site, logs)
    site.files.write(PATH, b"3\n")
    await drained(site, logs)
    site.files.rotate(PATH, b"another\nfile\nof more bytes\n")
    await drained(site, logs)
    assert printed(site) == ["one", "two", "3", "another", "file", "of more bytes"]


async def test_a_line_without_end_is_printed_in_pieces() -> None:
    site = Site()
    logs, _ = await logs_of(site)
    site.files.write(PATH, b"x" * 1_000_000 + b"\nend\n")
    await drained(site, logs)
    *pieces, end = printed(site)
    assert ("".join(pieces), end) == ("x" * 1_000_000, "end")
    assert max(map(len, pieces)) <= reading.MAX_LINE


async def test_a_quiet_file_costs_one_question_a_look() -> None:
    site = Site()
    logs, _ = await logs_of(site)
    site.files.write(PATH, b"one\nand a prompt: ")
    await drained(site, logs)
    before = len(site.firecrest.asked)
    for _ in range(10):
        await drained(site, logs)
    assert len(site.firecrest.asked) - before == 10


async def test_a_file_that_is_not_there_yet_is_no_error() -> None:
    site = Site()
    logs, _ = await logs_of(site)
    await drained(site, logs)
    assert site.printed == []


@given(st.integers(0, 10**10))
def test_a_block_begins_shortly_before_what_is_wanted(offset: int) -> None:
    size = reading.block_for(offset)
    assert 256 * 1024 <= size <= 512 * 1024
    assert offset % size <= max(size // 2, 0) or offset < 256 * 1024


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\n\r\ufffd")), st.data())
def test_a_text_is_found_again_after_any_cut(text: str, data: st.DataObject) -> None:
    content = text.encode()
    boundaries = [len(text[:index].encode()) for index in range(len(text) + 1)]
    offset = data.draw(st.sampled_from(boundaries))
    start = data.draw(st.integers(0, offset))
    decoded = content[start:].decode(errors="replace")
    assert reading.from_block(decoded, start, offset) == content[offset:].decode()


def test_memory_files_are_what_the_tests_take_them_for() -> None:
    files = MemoryFiles()
    files.append(PATH, b"a")
    files.append(PATH, b"b")
    assert files.read(PATH) == (b"ab", 100)
