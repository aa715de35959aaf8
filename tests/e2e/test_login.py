"""Logging in at a provider: real pods, the true oauth2-proxy, a real browser, sessions side by side on one host.

The issuer is on another site than the sessions, as many institutes' are.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from lab.cluster.admin import Admin
from lab.cluster.localhost import ask, with_port
from tests.e2e.browsers import Person, at_port, launch
from tests.e2e.cluster import address_for_pods, require_way_to_pods
from tests.e2e.doors import Doors
from tests.e2e.operator_pod import Installation
from tests.e2e.specs import STARTS
from tests.support.issuer import Issuer
from tests.support.world import Object, World, condition

COOKIE = "_oauth2_proxy"
TOLD = 60.0
"""Seconds within which the session says what its door lacks."""
TRIED_AGAIN = 120.0
"""Seconds within which the kubelet starts a container for which a key was missing."""
MOUNTED_AGAIN = 150.0
"""Seconds within which the kubelet tries again to mount what was not there: it waits for two minutes at most."""
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def issuer(cluster: Admin) -> Iterator[Issuer]:
    """A provider that pods and browsers reach by the same name, and two of its users."""
    made = Issuer(address_for_pods(cluster))
    for name in ("ada", "mallory"):
        made.user(name)
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser(cluster: Admin) -> Iterator[Browser]:
    """A browser that finds the sessions of the cluster."""
    with sync_playwright() as playwright:
        started = launch(playwright, at_port(cluster.http_port))
        yield started
        started.close()


@pytest.fixture
def person(browser: Browser) -> Iterator[Callable[[str], Person]]:
    """Returns people, who have nothing but their names."""
    contexts: list[BrowserContext] = []

    def new(name: str) -> Person:
        contexts.append(browser.new_context())
        return Person(contexts[-1].new_page(), name)

    yield new
    for context in contexts:
        context.close()


@pytest.fixture
def ada(person: Callable[[str], Person], issuer: Issuer) -> Person:
    """Somebody who has logged in at the issuer already today."""
    known = person("ada")
    known.is_known_at(issuer.url)
    return known


@pytest.fixture
def doors(world: World, cluster: Admin, issuer: Issuer, names: Callable[[], str]) -> Doors:
    """A host that no other test has."""
    return Doors(world, issuer, f"{names()}.localhost", cluster.http_port)


def test_who_is_on_the_list_comes_in_and_nobody_else_gets_a_byte(
    doors: Doors, name: str, ada: Person, person: Callable[[str], Person]
) -> None:
    url = doors.oidc(name)
    doors.wait(name)
    assert ada.open(url + "notes?view=wide").status == 200
    assert ada.seen_by_the_session()["path"] == f"/sessions/{name}/notes?view=wide"
    assert ada.echo("through both proxies") == "through both proxies"

    mallory = person("mallory")
    mallory.is_known_at(doors.issuer.url)
    assert mallory.open(url).status == 403
    assert '"path"' not in mallory.page.content()
    assert (COOKIE, f"/sessions/{name}/") not in mallory.cookies()

    for method, path in (("GET", ""), ("GET", "files/x"), ("PUT", "files/x"), ("POST", "exit/1"), ("GET", "../x")):
        answer = ask(with_port(url, doors.port) + path, method)
        assert answer.status in (302, 404), answer
        assert b'"path"' not in answer.body


def test_nobody_gets_round_the_login_by_asking_the_proxy_behind_it(doors: Doors, name: str, cluster: Admin) -> None:
    require_way_to_pods(cluster)
    doors.oidc(name)
    doors.wait(name)
    pod = doors.world.wait_for("Pod", f"{name}-0", lambda _: True)
    behind = f"http://{pod['status']['podIP']}:65533/"
    refused = ask(behind, to=pod["status"]["podIP"])
    assert refused.status == 403
    assert b'"path"' not in refused.body
    assert ask(f"{behind}__amalthea__/health", to=pod["status"]["podIP"]).status == 200


def test_a_login_outlives_the_operator_and_a_pause(
    doors: Doors, name: str, ada: Person, operator: Installation
) -> None:
    url = doors.oidc(name)
    doors.wait(name)
    ada.open(url)
    ada.logs_out_at(doors.issuer.url)
    before = secret_of(doors.world, name)
    operator.kill()
    operator.wait_until_ready()
    for hibernated, state in ((True, "Hibernated"), (False, "Running")):
        doors.world.patch_spec(name, hibernated=hibernated)
        doors.world.wait_for_state(name, state, STARTS)
    doors.wait(name)
    assert ada.open(url).status == 200
    assert not ada.is_asked()
    assert secret_of(doors.world, name) == before


def secret_of(world: World, name: str) -> Object:
    found = world.get("Secret", f"{name}---internal")
    assert found is not None
    data: Object = found["data"]
    return data


def test_a_form_on_another_site_leads_to_a_refusal_once_and_then_into_the_session(
    doors: Doors, name: str, person: Callable[[str], Person]
) -> None:
    """SameSite=Strict keeps the cookie of the login away from who comes from a form of another site."""
    url = doors.oidc(name)
    doors.wait(name)
    ada = person("ada")
    ada.open(url)
    assert ada.is_asked()
    assert ada.log_in().status == 403
    assert ada.open(url).status == 200
    assert not ada.is_asked()


def test_a_configuration_of_the_users_own_is_the_one_that_counts(
    doors: Doors, name: str, ada: Person, person: Callable[[str], Person]
) -> None:
    url = doors.own(name)
    doors.wait(name)
    assert ada.open(url).status == 200
    assert ada.echo("through both proxies") == "through both proxies"
    assert ("of_my_own", f"/sessions/{name}/") in ada.cookies()
    assert ada.seen_by_the_session()["headers"]["x-forwarded-email"] == "ada@example.org"
    stranger = person("nobody")
    stranger.open(url)
    assert stranger.is_asked()


def test_one_login_does_not_open_the_session_beside_it_and_both_stay_open(
    doors: Doors, names: Callable[[], str], ada: Person
) -> None:
    first, second = names(), names()
    urls = {name: doors.oidc(name) for name in (first, second)}
    for name in urls:
        doors.wait(name)
    assert ada.open(urls[first]).status == 200
    ada.logs_out_at(doors.issuer.url)
    ada.open(urls[second])
    assert ada.is_asked()
    ada.is_known_at(doors.issuer.url)
    assert ada.open(urls[second]).status == 200
    ada.logs_out_at(doors.issuer.url)
    for name, url in urls.items():
        assert ada.open(url).status == 200
        sent = ada.seen_by_the_session()["headers"]["cookie"]
        assert sent == f"{COOKIE}={ada.cookies()[COOKIE, f'/sessions/{name}/']}", "of another session, too"


def test_one_token_does_not_open_the_session_beside_it_and_both_stay_open(
    doors: Doors, names: Callable[[], str], person: Callable[[str], Person]
) -> None:
    first, second = names(), names()
    urls = {name: doors.token(name) for name in (first, second)}
    for name in urls:
        doors.wait(name, answer_to_strangers=400)
    visitor = person("anybody")
    for name, url in urls.items():
        assert visitor.open(url).status == 400, "a token for another path is not sent"
        visitor.is_given("renku-auth", name, url)
        assert visitor.open(url).status == 200
    for url in urls.values():
        assert visitor.open(url).status == 200
        assert visitor.echo("through the proxy") == "through the proxy"


@pytest.mark.parametrize("key", ["OIDC_CLIENT_ID", "AUTHORIZED_EMAILS"])
def test_a_key_that_the_secret_lacks_is_named_and_waited_for(key: str, doors: Doors, name: str, ada: Person) -> None:
    provider = doors.provider()
    value = provider.pop(key)
    doors.world.secret(name, **provider)
    url = doors.start(name, {"type": "oidc", "secretRef": {"name": name}})
    starting = doors.world.wait_for(
        "AmaltheaSession", name, lambda s: key in s.get("status", {}).get("error", ""), TOLD
    )
    assert starting["status"]["state"] == "NotReady"
    assert name in starting["status"]["error"]
    doors.world.patch("Secret", name, stringData={key: value})
    doors.world.wait_for_state(name, "Running", TRIED_AGAIN)
    doors.wait(name)
    assert ada.open(url).status == 200


def test_a_key_of_the_users_configuration_is_named_and_waited_for(doors: Doors, name: str, ada: Person) -> None:
    doors.world.secret(name, other="nothing of use")
    url = doors.start(name, {"type": "oauth2proxy", "secretRef": {"name": name, "key": "file"}})
    told = f"waits for the key file of the secret {name}"
    starting = doors.world.wait_for(
        "AmaltheaSession", name, lambda s: told in s.get("status", {}).get("error", ""), TOLD
    )
    assert starting["status"]["state"] == "NotReady"
    doors.world.patch("Secret", name, stringData={"file": doors.own_configuration(name)})
    doors.world.wait_for_state(name, "Running", MOUNTED_AGAIN)
    doors.wait(name)
    assert ada.open(url).status == 200


def test_a_configuration_that_oauth2_proxy_does_not_take_is_blamed_on_its_secret(doors: Doors, name: str) -> None:
    doors.world.secret(name, file="no_such_setting = 1")
    doors.start(name, {"type": "oauth2proxy", "secretRef": {"name": name, "key": "file"}})
    failed = doors.world.wait_for_state(name, "Failed", STARTS)
    healthy = condition(failed, "Healthy")
    assert healthy is not None
    assert healthy["reason"] == "DoorMisconfigured"
    assert f"oauth2-proxy cannot use its configuration, the key file of the secret {name}" in failed["status"]["error"]
