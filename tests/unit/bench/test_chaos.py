"""A pause that nobody asked for must be found in the operator's log, also in one that a kill has cut off."""

from bench.chaos import ended_by_itself

LOG = """\
{"message": "session changed", "session": "bench/one", "reason": "Hibernated", "cause": "User"}
Traceback (most recent call last):
{"message": "paused", "session": "bench/one", "run_id": "01K", "reason": "Idle"}
{"message": "paused", "session": "bench/two", "run"""


def test_what_the_operator_ended_by_itself_is_found() -> None:
    assert ended_by_itself(LOG) == ["the operator has paused bench/one: Idle"]
