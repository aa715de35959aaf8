"""An admin's permissions for clones must reach them, and change no pod where nothing is allowed."""

from amalthea.api.schema import Manifest
from amalthea.children.pod import pod
from amalthea.testing.builders import session


def clone_container(**settings: str) -> Manifest:
    given = (
        session().with_spec(codeRepositories=[{"remote": "http://git.lab.internal/a.git"}]).with_settings(**settings)
    )
    (container,) = pod.template(given.subject())["spec"]["initContainers"]
    made: Manifest = container
    return made


def test_hosts_that_may_get_passwords_without_tls_reach_the_cloner() -> None:
    allowed = clone_container(clone_http_hosts="git.lab.internal")
    assert {"name": "GIT_CLONE_ALLOW_HTTP_HOSTS", "value": "git.lab.internal"} in allowed["env"]


def test_a_clone_has_no_variable_where_no_host_is_listed() -> None:
    assert "env" not in clone_container()
