"""A program that prints more than anybody can read: each byte of it once, in the memory that there is."""

import tracemalloc
from collections.abc import Iterable
from typing import Self

import pytest

from amalthea.sidecars.http.messages import Answer, Question
from tests.unit.remote.site import Site, running

PREFIX = "[session/stdout] "


class Counted(list[str]):
    """What is printed, without keeping it; `most` is how many lines came at once."""

    most = characters = 0

    def __iadd__(self, lines: Iterable[str]) -> Self:  # type: ignore[override,misc]
        """Count lines."""
        several = list(lines)
        self.most = max(self.most, len(several))
        self.characters += sum(len(each) - len(PREFIX) for each in several)
        return self


@pytest.mark.parametrize(
    "line", ["", "x" * 70 + "𝄞", "𝄞" * 10**5], ids=["empty lines", "lines of odd characters", "long lines"]
)
async def test_a_file_that_grows_by_megabytes_while_it_is_read_is_read_in_parts(line: str) -> None:
    site = Site()
    session = await running(site)
    path, whole = site.scheduler.all[0].output, f"{line}\n" * (2**20 // (len(line.encode()) + 1))
    site.printed = counted = Counted()

    async def growing(question: Question) -> Answer:
        answer = await site.firecrest(question)
        if question.url.endswith("/ops/stat") and len(site.files.content[path]) < 10:
            site.files.append(path, whole.encode())
        return answer

    site.files.append(path, b"small\n")
    site.machine_room = growing
    tracemalloc.start()
    await site.clock.advance(70)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert await session.stop() == ""
    assert counted.characters == len("small") + len(whole) - whole.count("\n")
    assert counted.most <= 4096
    assert peak < 30 * 2**20
