"""One object that is nested more deeply than Python can follow must not hide all others of its kind."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from amalthea.kube.client import Client
from amalthea.kube.nesting import DEEPEST, shallow
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.waiting import eventually
from tests.unit.kube.parts import CONFIG_MAPS, KIND, config_map, decode, following

LEVELS = 9_000
"""The API server takes 10,000."""
DEEP = '{"f:a":' * LEVELS + "{}" + "}" * LEVELS

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=5,
)


def deep(name: str) -> dict[str, Any]:
    body = config_map(name, at="first")
    return {**body, "metadata": {**body["metadata"], "managedFields": [{"fieldsV1": Raw(DEEP.encode())}]}}


@given(values)
def test_an_object_of_ordinary_depth_stays_as_it_is(value: object) -> None:
    body = json.dumps(value).encode()
    assert shallow(body) == body


@pytest.mark.parametrize("levels", [1, DEEPEST - 1, DEEPEST, 3 * DEEPEST])
def test_only_the_lowest_levels_of_what_is_nested_too_deeply_are_null(levels: int) -> None:
    value = "[" * levels + "]" * levels
    cut = "[" * (DEEPEST - 1) + "null" + "]" * (DEEPEST - 1)  # the outermost level is the object
    body = f'{{"a": "[{{", "deep": {value}, "z": {{}}}}'
    assert shallow(body.encode()).decode() == body.replace(value, cut if levels >= DEEPEST else value)


def test_an_object_as_large_as_they_come_is_read_once_and_in_linear_time() -> None:
    def seconds_to_read(size: int) -> float:
        body = msgspec.json.encode({"metadata": deep("a")["metadata"], "data": {"a": '\\"[{' * size}})
        began = time.process_time()
        read: Any = json.loads(shallow(body))
        assert len(read["data"]["a"]) == 4 * size
        return time.process_time() - began

    little, much = (min(seconds_to_read(size) for _ in range(5)) for size in (50_000, 200_000))
    assert much < 16 * little


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "in pages"])
async def test_an_object_that_is_nested_too_deeply_hides_no_other(api: FakeApi, *, streamed: bool) -> None:
    if not streamed:
        api.fail("list", faults.refuse(400), times=1)
    api.objects.create(KIND, "ns", deep("deep"))
    api.objects.create(KIND, "ns", config_map("other"))
    async with following(api) as run:
        await eventually(lambda: len(run.store) == 2)
        api.objects.create(KIND, "ns", deep("later"))
        api.objects.create(KIND, "ns", config_map("last"))
        await eventually(lambda: len(run.store) == 4)
        assert (run.reports.errors, run.unread) == ([], [])


async def test_the_answer_to_a_write_on_a_deeply_nested_object_is_read(api: FakeApi, client: Client) -> None:
    api.objects.create(KIND, "ns", deep("deep"))
    await client.get(CONFIG_MAPS, ("ns", "deep"), Raw)
    body = await client.patch_merge(CONFIG_MAPS, ("ns", "deep"), {"data": {"at": "second"}}, Raw)
    assert decode(body).data == {"at": "second"}
    assert await client.delete(CONFIG_MAPS, ("ns", "deep"))
