"""The audit log is read to the letter: every request counts once, and under its own name."""

import json
from pathlib import Path

from bench.audit import AuditLog, Request, history, parse, tally


def line(verb: str, resource: str, code: int = 200, **changes: object) -> bytes:
    entry = {
        "kind": "Event",
        "level": "Metadata",
        "stage": "ResponseComplete",
        "requestURI": "/apis/…",
        "verb": verb,
        "user": {"username": "amalthea-operator"},
        "objectRef": {"resource": resource, "namespace": "bench", "name": "session-0001"},
        "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
        "sourceIPs": ["198.18.200.10"],
        "stageTimestamp": "2026-01-01T00:00:01.500000Z",
    }
    return json.dumps({**entry, **changes}).encode() + b"\n"


def request(verb: str, resource: str, code: int = 200) -> Request:
    return Request(verb, resource, "bench", "session-0001", code, 0.0)


def test_a_request_is_known_by_its_verb_its_resource_and_the_time_of_its_answer() -> None:
    expected = Request(
        "create", "services", "bench", "session-0001", 201, 1767225601.5, began=1767225600.0, source="198.18.200.10"
    )
    assert parse(line("create", "services", 201)) == [expected]


def test_the_history_of_a_session_tells_who_asked_for_what_and_for_how_long_it_was_under_way() -> None:
    of_another = {"resource": "services", "namespace": "bench", "name": "session-0011"}
    late = line("delete", "ingresses", stageTimestamp="2026-01-01T00:00:02.250000Z")
    requests = parse(late + line("create", "ingresses", 201) + line("create", "services", objectRef=of_another))
    assert history(requests, "session-0001") == [
        "00:00:01.500 create ingresses: 201 after 1.500 s, from 198.18.200.10",
        "00:00:02.250 delete ingresses: 200 after 2.250 s, from 198.18.200.10",
    ]


def test_a_status_is_not_taken_for_the_object_itself() -> None:
    about = {"resource": "amaltheasessions", "subresource": "status", "namespace": "bench", "name": "a"}
    assert parse(line("patch", "", objectRef=about))[0].resource == "amaltheasessions/status"


def test_a_watch_counts_when_it_is_opened_and_not_again_when_it_ends() -> None:
    stages = line("watch", "pods", stage="ResponseStarted") + line("watch", "pods", stage="ResponseComplete")
    assert [found.verb for found in parse(stages)] == ["watch"]


def test_a_long_answer_that_is_logged_at_its_start_and_at_its_end_counts_once() -> None:
    stages = line("list", "pods", stage="ResponseStarted") + line("list", "pods", stage="ResponseComplete")
    assert [found.verb for found in parse(stages)] == ["list"]


def test_a_request_that_made_the_server_panic_counts() -> None:
    assert [found.verb for found in parse(line("patch", "pods", stage="Panic"))] == ["patch"]


def test_a_request_for_no_object_is_named_by_its_path() -> None:
    bare = json.loads(line("get", ""))
    del bare["objectRef"]
    assert parse(json.dumps({**bare, "requestURI": "/apis"}).encode())[0].resource == "/apis"


def test_leases_watches_and_events_are_no_part_of_what_a_session_costs() -> None:
    found = tally(
        [
            request("watch", "pods"),
            request("update", "leases"),
            request("create", "events", 201),
            request("create", "services", 201),
            request("create", "services", 409),
        ]
    )
    assert (found.watches, found.leases, found.events, found.refused) == (1, 1, 1, 1)
    assert found.requests == {"create services": 2}
    assert found.total == 2


def test_what_pods_use_is_asked_for_all_sessions_together_and_is_no_list_of_pods() -> None:
    about = {"resource": "pods", "apiGroup": "metrics.k8s.io", "apiVersion": "v1beta1"}
    found = tally(parse(line("list", "", objectRef=about) + line("list", "pods")))
    assert (found.usage, found.requests) == (1, {"list pods": 1})


def test_reads_are_no_writes_and_events_are() -> None:
    assert tally([request("list", "pods"), request("patch", "pods"), request("create", "events")]).writes == 2


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = AuditLog(path)
    assert log.news() == []
    text = line("create", "services") + line("create", "secrets")
    path.write_bytes(text[:-10])
    assert [found.resource for found in log.news()] == ["services"]
    path.write_bytes(text)
    assert [found.resource for found in log.news()] == ["secrets"]
    assert log.news() == []
