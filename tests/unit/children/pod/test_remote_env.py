"""A user's text in a remote session must not carry the controller's secrets to the other machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalthea.children.pod import pod, remote, session_container
from amalthea.testing.builders import SessionBuilder, session

SECRET = "client-secret-of-the-platform"
FROM_SECRETS = {"RSC_AUTH_RENKU_CLIENT_SECRET": SECRET, "RSC_AUTH_RUNAI_CLIENT_SECRET": SECRET}
"""Variables that the controller has from `envFrom`: the kubelet reads them before those of `env`."""


def expanded(text: str, known: dict[str, str]) -> str:
    """Expand references as the kubelet does (k8s.io/kubernetes/third_party/forked/golang/expansion)."""
    result, rest = "", text
    while "$" in rest:
        before, _, rest = rest.partition("$")
        result += before
        if rest.startswith("$"):
            result, rest = result + "$", rest[1:]
        elif rest.startswith("(") and ")" in rest:
            name, _, rest = rest[1:].partition(")")
            result += known.get(name, f"$({name})")
        else:
            result, rest = result + "$" + rest[:1], rest[1:]
    return result + rest


def in_the_container(builder: SessionBuilder) -> dict[str, str]:
    """Return the environment that the kubelet gives to the controller; what comes from other secrets is left out."""
    known = dict(FROM_SECRETS)
    for variable in remote.container(builder.subject())["env"]:
        if "valueFrom" in variable:
            continue  # an optional source that is missing leaves the name as it was
        known[variable["name"]] = expanded(variable.get("value", ""), known)
    return {name: value for name, value in known.items() if name not in FROM_SECRETS}


@pytest.mark.parametrize(
    "value",
    [
        "$(RSC_AUTH_RENKU_CLIENT_SECRET)",
        "$$(RSC_AUTH_RENKU_CLIENT_SECRET)",
        "$$$(RSC_AUTH_RENKU_CLIENT_SECRET)",
        "$$$$$(RSC_AUTH_RENKU_CLIENT_SECRET)",
        "$x$(RSC_AUTH_RENKU_CLIENT_SECRET)",
        "$($(RSC_AUTH_RENKU_CLIENT_SECRET)",
        "$(no)$(RSC_AUTH_RENKU_CLIENT_SECRET)$",
        "$(RSC_AUTH_RUNAI_CLIENT_SECRET",
    ],
)
@pytest.mark.parametrize("name", ["FOO", "RENKU_FOO", "RSC_FOO"])
def test_no_variable_of_the_user_holds_a_secret_of_the_controller(name: str, value: str) -> None:
    assert SECRET not in str(in_the_container(session().remote().with_env((name, value))))


def test_a_variable_whose_own_source_is_missing_does_not_open_the_controllers_one() -> None:
    nowhere = {"secretKeyRef": {"name": "none", "key": "x", "optional": True}}
    name = "RSC_AUTH_RENKU_CLIENT_SECRET"
    asked = (
        session()
        .remote()
        .with_session(env=[{"name": name, "valueFrom": nowhere}, {"name": "A", "value": f"$({name})"}])
    )
    assert SECRET not in str(in_the_container(asked))


def test_no_folder_of_a_volume_is_named_after_a_secret() -> None:
    mount = {"name": "amalthea-volume", "mountPath": "/x", "subPathExpr": "$(RSC_WSTUNNEL_SECRET)"}
    controller = remote.container(session().remote().with_session(extraVolumeMounts=[mount]).subject())
    behind = session().with_oidc().with_spec(authentication={"extraVolumeMounts": [mount]})
    doors = pod.template(behind.subject())["spec"]["initContainers"]
    mounts = [each for container in (controller, *doors) for each in container.get("volumeMounts", ())]
    named = [each["subPathExpr"] for each in mounts if "subPathExpr" in each]
    assert named == ["$$(RSC_WSTUNNEL_SECRET)"] * 2


def test_neither_image_nor_path_holds_a_secret_of_the_controller() -> None:
    reference = "$(RSC_AUTH_RENKU_CLIENT_SECRET)"
    asked = session().remote().with_session(image=f"example.org/{reference}:1", urlPath=f"/{reference}")
    seen = in_the_container(asked)
    assert SECRET not in str(seen)
    assert seen["RSC_SESSION_URL_PATH"] == f"/{reference}"


def test_a_dropped_definition_does_not_bring_its_reference_in_again() -> None:
    twice = (("RSC_SERVER_PORT", "$(RSC_AUTH_RENKU_CLIENT_SECRET)"), ("RENKU_FOO", "$(RSC_SERVER_PORT)"))
    assert SECRET not in str(in_the_container(session().remote().with_env(*twice)))


@given(st.text(alphabet="$()a x", max_size=12))
def test_no_text_refers_to_a_secret(text: str) -> None:
    asked = session().remote().with_env(("FOO", text.replace("x", "$(RSC_AUTH_RENKU_CLIENT_SECRET)")))
    assert SECRET not in str(in_the_container(asked))


@pytest.mark.parametrize(
    ("value", "seen"),
    [("plain", "plain"), ("50 $", "50 $"), ("$HOME", "$HOME"), ("$$(HOME)", "$(HOME)"), ("$(HOME)", "$(HOME)")],
)
def test_a_value_without_a_reference_reaches_the_controller_as_before(value: str, seen: str) -> None:
    assert in_the_container(session().remote().with_env(("FOO", value)))["USER_ENV_FOO"] == seen


def test_variables_that_keep_their_name_can_still_refer_to_each_other() -> None:
    pairs = (("RENKU_MOUNT_DIR", "/work"), ("RENKU_WORKING_DIR", "$(RENKU_MOUNT_DIR)/one"))
    assert in_the_container(session().remote().with_env(*pairs))["RENKU_WORKING_DIR"] == "/work/one"


def test_a_local_session_keeps_its_references() -> None:
    container = session_container.container(session().with_env(("A", "1"), ("B", "$(A)")).subject())
    assert container["env"][1]["value"] == "$(A)"
