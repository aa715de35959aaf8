"""The API server's words go into logs and statuses: without the values that it quotes, and at no great cost."""

import time

import pytest

from amalthea.kube.errors import (
    ApiError,
    Forbidden,
    Invalid,
    NotFound,
    NotServed,
    Status,
    TooManyRequests,
    from_answer,
    from_status,
)

WEBHOOK = 'admission webhook "policy.example.org" denied the request: '
POLICY = "sessions.amalthea.dev \"demo\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: "


def message(said: str) -> str:
    return from_status("PATCH /x", Status(code=422, message=said)).message


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('a: Invalid value: "{\\"b\\":\\"secret\\"}": no', "a: Invalid value: (not shown): no"),
        ("a: Invalid value: core.Pod{B:{secret}}: no", "a: Invalid value: (not shown): no"),
        ('a: Invalid value: {"b":"}", "c":"secret"}: no, d: {', "a: Invalid value: (not shown): no, d: {"),
        ('a: Invalid value: "short": no', 'a: Invalid value: "short": no'),
        ("a: Invalid value: {secret", "a: Invalid value: {secret"),
    ],
)
def test_values_are_not_shown(said: str, shown: str) -> None:
    assert message(said) == shown


@pytest.mark.parametrize("said", ["Invalid value: {", 'Invalid value: "{', "Invalid value: a"])
def test_a_page_of_beginnings_of_values_is_read_in_linear_time(said: str) -> None:
    began = time.process_time()
    message(said * 60_000)
    assert time.process_time() - began < 1


def test_a_denial_is_shortened_to_what_a_status_holds() -> None:
    denied = 'admission webhook "policy.example.org" denied the request: '
    text = message(denied + "no " * 700_000)
    assert text.startswith(denied)
    assert len(text) <= 2000


@pytest.mark.parametrize(
    ("code", "reason", "message", "kind"),
    [
        (404, "NotFound", WEBHOOK + 'project "blue" not found', Invalid),
        (404, "NotFound", WEBHOOK + "no such project", Invalid),
        (409, "AlreadyExists", WEBHOOK + "there is one", Invalid),
        (409, "Conflict", WEBHOOK + "another one is at it", Invalid),
        (410, "Expired", WEBHOOK + "too late", Invalid),
        (401, "Unauthorized", POLICY + "who are you", Invalid),
        (418, "Teapot", WEBHOOK + "no coffee", Invalid),
        (403, "Forbidden", WEBHOOK + "no", Forbidden),
        (429, "TooManyRequests", WEBHOOK + "later", TooManyRequests),
        (404, "NotFound", 'pods "demo" not found', NotFound),
    ],
)
def test_a_denial_by_a_webhook_does_not_say_whether_the_object_exists(
    code: int, reason: str, message: str, kind: type[ApiError]
) -> None:
    assert type(from_status("PATCH /x", Status("Status", code, reason, message))) is kind


def test_a_page_of_a_proxy_says_nothing_of_whether_the_object_is_there() -> None:
    assert type(from_answer("GET /x", 404, rb'{"error": "host \"blue\" not found"}')) is NotServed
