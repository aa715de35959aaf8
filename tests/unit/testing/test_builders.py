"""The builder of sessions for tests: what it makes is what the API server would let in, and steps do not interfere."""

import msgspec
import pytest

from amalthea.testing.builders import session


def test_two_tests_can_go_on_from_the_same_beginning() -> None:
    beginning = session("a").with_ingress().with_repository("one")
    first, second = beginning.with_repository("two"), beginning.with_spec(ingress={"host": "other.org"})
    assert [entry["remote"] for entry in beginning.spec()["codeRepositories"]] == ["one"]
    assert [entry["remote"] for entry in first.spec()["codeRepositories"]] == ["one", "two"]
    assert beginning.spec()["ingress"]["host"] == "lab.example.org"
    assert second.spec()["ingress"] == {"host": "other.org", "pathPrefix": "/sessions/a", "ingressClassName": "nginx"}


def test_what_a_test_does_to_a_spec_stays_with_the_test() -> None:
    builder = session()
    builder.spec()["session"]["image"] = "changed"
    assert builder.spec()["session"]["image"] != "changed"


def test_a_field_that_is_none_is_taken_away() -> None:
    assert "ingress" not in session().with_ingress().with_spec(ingress=None).spec()
    assert (
        session()
        .with_session(storage={"size": "2Gi"})
        .with_session(storage={"size": None})
        .spec()["session"]["storage"]
        == {}
    )


def test_a_spec_that_the_api_server_would_refuse_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        session().with_spec(location="moon").subject()


def test_a_hibernated_session_has_no_run() -> None:
    assert session().subject().run_id is not None
    assert session().hibernated().subject().run_id is None


def test_the_object_is_the_one_that_a_client_creates() -> None:
    assert session("x").with_env(("A", "1")).manifest() == {
        "apiVersion": "amalthea.dev/v1alpha1",
        "kind": "AmaltheaSession",
        "metadata": {"name": "x", "namespace": "team"},
        "spec": {"hibernated": False, "session": {"image": "example.org/lab:1", "env": [{"name": "A", "value": "1"}]}},
    }
