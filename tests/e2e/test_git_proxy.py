"""The git proxy in real pods: git in the session works with the user's token, and nothing there gets to see it.

So it is, too, where web back ends have the repositories cloned: by `cloner shellclone`, before the proxy is there.
"""

import json
from collections.abc import Iterator

import pytest

from lab.cluster.admin import Admin, CommandError
from tests.e2e.cluster import address_for_pods
from tests.e2e.git_servers import IMAGE, Servers, serving, session_with_git, shell_in
from tests.e2e.specs import STARTS, Spec, environment, job
from tests.support.processes import free_port
from tests.support.world import Object, World

TOKEN = "the-token-of-the-provider"
RENKU_TOKEN = "the-token-of-the-session"
GIT = "git -c http.proxy=http://localhost:65480 -c http.sslVerify=false -c user.name=Ada -c user.email=ada@example.org"
"""Git as a session with the proxy has it: the certificate that it sees is the proxy's own."""
AUTHORITY = "/etc/git-authority"
CLONER = "docker.io/amalthea/cloner:dev"


@pytest.fixture(scope="module")
def servers(cluster: Admin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with serving(cluster, tmp_path_factory.mktemp("git")) as servers:
        servers.https.passwords["project"] = ("oauth2", TOKEN)
        servers.https.tokens[f"/token/forge {RENKU_TOKEN}"] = TOKEN
        servers.https.secrets.add(TOKEN)
        yield servers


@pytest.fixture
def secret(servers: Servers, world: World, name: str) -> Iterator[str]:
    """The secrets of the proxy alone: the session's token, and the CA of the servers."""
    tokens = {"access": RENKU_TOKEN, "refresh": "of-no-importance"}
    world.secret(f"{name}-proxy", **tokens, **{"ca.crt": servers.https.ca.read_text()})
    yield f"{name}-proxy"
    world.delete("Secret", f"{name}-proxy")


def proxy(servers: Servers, secret: str, *others: str) -> Spec:
    """Return the proxy's container, for the repository `project` and others."""
    host = f"https://{servers.https.host}"
    repositories = [{"url": url, "provider": "forge"} for url in (f"{host}/project.git", *others)]
    variables = environment(
        GIT_PROXY_REPOSITORIES=json.dumps(repositories),
        GIT_PROXY_PROVIDERS=json.dumps([{"id": "forge", "access_token_url": f"{host}/token/forge"}]),
        GIT_PROXY_RENKU_URL=host,
        SSL_CERT_FILE=f"{AUTHORITY}/ca.crt",
    )
    tokens = [from_secret(f"GIT_PROXY_RENKU_{kind}_TOKEN", secret, kind.lower()) for kind in ("ACCESS", "REFRESH")]
    return {
        "name": "git-proxy",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["gitproxy", "proxy"],
        "env": [*variables, *tokens],
        "volumeMounts": [{"name": "authority", "mountPath": AUTHORITY, "readOnly": True}],
        "securityContext": {"readOnlyRootFilesystem": True},
    }


def cloner(servers: Servers, secret: str, *others: str) -> Spec:
    """Return the init container that web back ends add, without arguments: for `project`, and for others as given."""
    host = f"https://{servers.https.host}"
    entries = [{"url": servers.https.address("project"), "provider": "forge"}, *({"url": url} for url in others)]
    no_wish = {"branch": None, "commit_sha": None}
    variables = environment(
        GIT_CLONE_MOUNT_PATH="/work",
        GIT_CLONE_LFS_AUTO_FETCH="0",
        GIT_CLONE_IS_GIT_PROXY_ENABLED="1",
        GIT_CLONE_GIT_PROXY_PORT="65480",
        GIT_CLONE_USER__USERNAME="ada",
        GIT_CLONE_USER__FULL_NAME="Ada Lovelace",
        GIT_CLONE_USER__EMAIL="ada@example.org",
        GIT_CLONE_SENTRY__ENABLED="false",
        GIT_CLONE_GIT_PROVIDERS_0_=json.dumps({"id": "forge", "access_token_url": f"{host}/token/forge"}),
        SSL_CERT_FILE=f"{AUTHORITY}/ca.crt",
        **{f"GIT_CLONE_REPOSITORIES_{index}_": json.dumps({**no_wish, **each}) for index, each in enumerate(entries)},
    )
    return {
        "name": "git-clone",
        "image": CLONER,
        "imagePullPolicy": "IfNotPresent",
        "env": [*variables, from_secret("GIT_CLONE_USER__RENKU_TOKEN", secret, "access")],
        "volumeMounts": [
            {"name": "amalthea-volume", "mountPath": "/work"},
            {"name": "authority", "mountPath": AUTHORITY, "readOnly": True},
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "runAsNonRoot": True,
        },
    }


def from_secret(name: str, secret: str, key: str) -> Spec:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def volumes(secret: str) -> list[Spec]:
    items = [{"key": "ca.crt", "path": "ca.crt"}]
    return [{"name": "authority", "secret": {"secretName": secret, "items": items}}]


def with_health(container: Spec) -> Spec:
    return {**container, "readinessProbe": {"httpGet": {"path": "/health", "port": 65481}, "periodSeconds": 1}}


def test_clone_push_and_fetch_work_and_no_token_is_in_the_session(
    servers: Servers, secret: str, world: World, name: str, cluster: Admin
) -> None:
    url = servers.https.address("project")
    container = with_health(proxy(servers, secret))
    world.session(name, {**session_with_git(), "extraContainers": [container], "extraVolumes": volumes(secret)})
    world.wait_for_state(name, "Running", STARTS)
    shell = shell_in(cluster, world, name)

    with pytest.raises(CommandError, match="certificate"):
        shell(f"git ls-remote {url}")
    shell(f"{GIT} clone {url} project")
    shell(f"head -c 3000000 /dev/urandom > project/large; cd project; {GIT} add large; {GIT} commit -m large")
    shell(f"cd project; {GIT} push; {GIT} fetch")

    assert shell(f"{GIT} ls-remote {url} trunk").split()[0] == shell("git -C project rev-parse HEAD")
    seen = shell("env; cat /proc/[0-9]*/environ; cat project/.git/config; ls -A / /tmp /work")
    assert TOKEN not in seen
    assert RENKU_TOKEN not in seen
    assert servers.https.shown == set()
    log = cluster.kubectl("logs", f"--namespace={world.namespace}", f"{name}-0", "--container=git-proxy")
    assert TOKEN not in log


def test_a_provider_that_is_down_is_told_to_git_and_the_session_goes_on(
    servers: Servers, secret: str, world: World, name: str, cluster: Admin
) -> None:
    address = address_for_pods(cluster)
    gone = f"https://{address}:{free_port()}/project.git"
    container = with_health(proxy(servers, secret, gone))
    world.session(name, {**session_with_git(), "extraContainers": [container], "extraVolumes": volumes(secret)})
    world.wait_for_state(name, "Running", STARTS)
    shell = shell_in(cluster, world, name)

    with pytest.raises(CommandError, match=f"{address} cannot be reached.*Try again later"):
        shell(f"{GIT} ls-remote {gone}")

    assert shell(f"{GIT} ls-remote {servers.https.address('project')} v1")
    pod = world.wait_for("Pod", f"{name}-0", lambda _: True)
    assert [each["restartCount"] for each in pod["status"]["containerStatuses"]] == [0, 0]
    assert world.wait_for_state(name, "Running")


def test_a_job_has_the_proxy_beside_it_which_ends_well_after_it(
    servers: Servers, secret: str, world: World, name: str
) -> None:
    beside = {**proxy(servers, secret), "restartPolicy": "Always"}
    beside["startupProbe"] = {"httpGet": {"path": "/health", "port": 65481}, "periodSeconds": 1}
    spec = job()
    clones = ["/bin/sh", "-ec", f"{GIT} clone {servers.https.address('project')}; cat project/notes.txt"]
    spec["session"] = {**spec["session"], "image": IMAGE, "command": clones}
    world.session(name, {**spec, "initContainers": [beside], "extraVolumes": volumes(secret)})
    ended = world.wait_for_state(name, "Succeeded", STARTS)
    assert "error" not in ended["status"]
    (pod,) = [each for each in world.all("Pod") if each["metadata"]["labels"].get("job-name") == name]
    ended_with = world.wait_for("Pod", pod["metadata"]["name"], how_the_proxy_ended)
    assert how_the_proxy_ended(ended_with)["exitCode"] == 0


def how_the_proxy_ended(pod: Object) -> Object:
    ended: Object = pod["status"]["initContainerStatuses"][0]["state"].get("terminated", {})
    return ended


def test_what_the_web_back_end_lists_is_cloned_and_goes_on_through_the_proxy_and_a_bad_entry_stops_nothing(
    servers: Servers, secret: str, world: World, name: str, cluster: Admin
) -> None:
    beside = with_health(proxy(servers, secret))
    containers = {"initContainers": [cloner(servers, secret, "www.example.org/o/bad")], "extraContainers": [beside]}
    world.session(name, {**session_with_git(), **containers, "extraVolumes": volumes(secret)})
    world.wait_for_state(name, "Running", STARTS)
    shell = shell_in(cluster, world, name)
    url = servers.https.address("project")

    assert shell("cd project; git rev-parse --abbrev-ref HEAD @{upstream}; git status --porcelain") == (
        "trunk\norigin/trunk"
    )
    assert "GIT_CLONE_REPOSITORIES_1_ is not an address" in shell("cat bad/ERROR")
    with pytest.raises(CommandError, match="could not read Username"):
        shell(f"GIT_TERMINAL_PROMPT=0 git -c http.sslVerify=false ls-remote {url}")
    shell("cd project; git fetch; echo mine > mine.txt; git add mine.txt; git commit -m mine; git push")

    assert shell("cd project; git ls-remote origin trunk").split()[0] == shell("git -C project rev-parse HEAD")
    assert shell("git -C project log -1 --format='%an <%ae>'") == "Ada Lovelace <ada@example.org>"
    log = cluster.kubectl("logs", f"--namespace={world.namespace}", f"{name}-0", "--container=git-clone")
    assert f"{url} was cloned into /work/project." in log
    kept = shell("find /work -type f -size -100k -exec cat {} + | tr -cd '[:print:]'")
    for seen in (log, kept, shell("env; cat /proc/[0-9]*/environ")):
        assert TOKEN not in seen
        assert RENKU_TOKEN not in seen
    assert servers.https.shown == set()
