"""Duplicate environment variables: written once, and yet the container sees what it would have seen."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalthea.api.schema import Manifest
from amalthea.children.pod import env

Pairs = list[tuple[str, str]]


def variables(pairs: Pairs) -> list[Manifest]:
    return [{"name": name, "value": value} for name, value in pairs]


def seen_by_the_container(variables: list[Manifest]) -> dict[str, str]:
    """Expand variables as the kubelet does: in order, by what stands before; the last of two equal names wins."""
    seen: dict[str, str] = {}

    def expanded(token: re.Match[str]) -> str:
        return "$" if token[0] == "$$" else seen.get(token[1], token[0])

    for variable in variables:
        seen[variable["name"]] = re.sub(r"\$\$|\$\(([^)]*)\)", expanded, variable["value"])
    return seen


WRITTEN_ONCE: dict[str, tuple[Pairs, Pairs]] = {
    "the last value wins": ([("A", "1"), ("B", "2"), ("A", "3")], [("B", "2"), ("A", "3")]),
    "it may refer to what stands between": (
        [("A", "1"), ("B", "2"), ("A", "$(B)")],
        [("B", "2"), ("A", "$(B)")],
    ),
    "what stands between may refer to the first": (
        [("A", "1"), ("B", "$(A)"), ("A", "3")],
        [("B", "1"), ("A", "3")],
    ),
    "it may refer to itself": ([("A", "1"), ("A", "$(A):2"), ("A", "$(A):3")], [("A", "1:2:3")]),
    "an escape is not a reference": ([("A", "1"), ("B", "$$(A)"), ("A", "3")], [("B", "$$(A)"), ("A", "3")]),
    "a stray dollar stays one": ([("A", "$"), ("B", "$(A)(A)"), ("A", "3")], [("B", "$$(A)"), ("A", "3")]),
    "a later reference is to the last": ([("A", "1"), ("A", "2"), ("B", "$(A)")], [("A", "2"), ("B", "$(A)")]),
}


@pytest.mark.parametrize(("given_", "written"), WRITTEN_ONCE.values(), ids=WRITTEN_ONCE)
def test_a_variable_that_is_sent_twice_is_written_once(given_: Pairs, written: Pairs) -> None:
    assert env.unique(variables(given_)) == variables(written)


def test_references_without_end_are_left_as_they_are_and_take_no_quadratic_time() -> None:
    value = "$(A)$(B$$" + "$(A" * 100_000
    began = time.process_time()
    assert env.unique(variables([("A", "1"), ("A", value)])) == variables([("A", value.replace("$(A)", "1", 1))])
    assert env.without_references("$(A" * 100_000) == "$(A" * 100_000
    assert time.process_time() - began < 1


def test_a_reference_to_a_dropped_secret_value_is_left_as_it_is() -> None:
    secret = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    others = variables([("B", "$(A)"), ("A", "3")])
    assert env.unique([secret, *others]) == others


def test_a_variable_without_value_is_an_empty_one() -> None:
    assert env.unique([{"name": "A"}, *variables([("B", "<$(A)>"), ("A", "3")])]) == variables(
        [("B", "<>"), ("A", "3")]
    )


def test_an_environment_without_duplicates_is_not_touched() -> None:
    given_ = variables([("A", "$(B)"), ("B", "$$")])
    assert env.unique(given_) is given_


def test_only_the_environment_of_a_users_container_is_touched() -> None:
    container = {"name": "x", "args": ["$(A)"], "env": variables([("A", "1"), ("A", "2")])}
    assert env.container(container) == {"name": "x", "args": ["$(A)"], "env": variables([("A", "2")])}
    assert env.container({"name": "x"}) == {"name": "x"}


@st.composite
def environments(draw: st.DrawFn) -> list[Manifest]:
    """Draw variables with few names, whose values refer to names that stand before them."""
    made: Pairs = []
    for name in draw(st.lists(st.sampled_from("ABC"), max_size=7)):
        references = [f"$({before})" for before, _ in made]
        pieces = st.sampled_from(["$", "$$", "(", ")", "x", "", *references])
        made.append((name, "".join(draw(st.lists(pieces, max_size=4)))))
    return variables(made)


@given(environments())
def test_the_container_sees_what_it_would_have_seen(given_: list[Manifest]) -> None:
    written = env.unique(given_)
    assert len({variable["name"] for variable in written}) == len(written)
    assert seen_by_the_container(written) == seen_by_the_container(given_)
