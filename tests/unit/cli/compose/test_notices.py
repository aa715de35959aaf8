"""A condition that matters is shown, also one that a newer operator invents; one that is as it should be is not."""

import pytest

from amalthea.cli.compose.headline import cause
from amalthea.cli.compose.notices import notices
from tests.unit.cli.parts import LAB, condition, known, status


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("Accepted", "False", True),
        ("Healthy", "True", False),
        ("Healthy", "False", True),
        ("Healthy", "Unknown", True),
        ("RoutingReady", "False", True),
        ("RoutingReady", "True", False),
        ("UpdatePending", "True", True),
        ("StoppingSoon", "True", True),
        ("StoppingSoon", "False", False),
        ("DeletingSoon", "True", True),
        ("Idle", "False", True),
        ("Idle", "Unknown", True),
        ("Ready", "False", False),
        ("Progressing", "False", False),
        ("OfTheNextRelease", "False", True),
    ],
)
def test_a_condition_is_shown_if_it_is_worth_a_look(kind: str, value: str, shown: bool) -> None:
    it = known(LAB, status("Running", condition(kind, value, "Why", "A sentence.")))
    assert [notice.message for notice in notices(it, cause(it))] == (["A sentence."] if shown else [])


def test_an_address_that_nobody_wants_is_not_missed() -> None:
    missing = condition("RoutingReady", "False", "SessionCreated", "The session has no Ingress.")
    for builder in (LAB.with_spec(ingress=None), LAB.hibernated()):
        assert notices(known(builder, status("Hibernated", missing)), "") == ()


def test_a_notice_does_not_repeat_the_cause() -> None:
    it = known(LAB, status("Failed", condition("Healthy", "False", "Image", "No image."), error="No image."))
    assert (cause(it), notices(it, cause(it))) == ("No image.", ())
