"""A value that is left empty: in YAML that is null, by which Helm takes away the chart's own default."""

import copy
from collections.abc import Iterator

import pytest

from tests.chart import readme
from tests.chart.helm import HelmError, Values, documents, manager_of, template

NEEDED = {
    "controllerManager": "missing property 'controllerManager'",
    "controllerManager.manager": "at '/controllerManager': missing property 'manager'",
    "controllerManager.manager.image": "at '/controllerManager/manager': missing property 'image'",
    "controllerManager.manager.image.repository": "manager/image': missing property 'repository'",
    "controllerManager.manager.sentry.dsn": "controllerManager.manager.sentry.dsn: is needed",
    "controllerManager.manager.sentry.tracesSampleRate": "sentry': missing property 'tracesSampleRate'",
    "controllerManager.metricsService": "at '/controllerManager': missing property 'metricsService'",
    "controllerManager.metricsService.enabled": "need controllerManager.metricsService.enabled",
    "controllerManager.metricsService.port": "at '/controllerManager/metricsService': missing property 'port'",
    "controllerManager.metricsService.targetPort": "metricsService': missing property 'targetPort'",
    "monitoring.alerts.runbooks": "at '/monitoring/alerts': missing property 'runbooks'",
    "oauth2Proxy.image.repository": "at '/oauth2Proxy/image': missing property 'repository'",
    "oauth2Proxy.image.tag": "at '/oauth2Proxy/image': missing property 'tag'",
    "sidecars": "missing property 'sidecars'",
    "sidecars.image": "at '/sidecars': missing property 'image'",
    "sidecars.image.repository": "at '/sidecars/image': missing property 'repository'",
}
"""Values without which there is no operator or no session, and what Helm says."""
OPTIONS: Values = {
    "controllerManager": {"manager": {"sentry": {"enabled": True, "dsn": "https://key@sentry.example.org/1"}}},
    "deploy": {"priorityClass": True, "remoteServiceAccount": True},
    "monitoring": {part: {"enabled": True} for part in ("serviceMonitor", "alerts", "dashboard")},
    "networkPolicy": {part: {"enabled": True} for part in ("operator", "sessions")},
    "admissionPolicy": {"enabled": True},
}
"""With all of the chart in use, so that no template is left out."""


GROUPS = (
    *("controllerManager.manager.resources", "controllerManager.manager.sentry", "controllerManager.serviceAccount"),
    *("controllerManager.remoteServiceAccount", "culling", "sessionPods", "userRoles", "deploy", "monitoring"),
    *("monitoring.serviceMonitor", "monitoring.alerts", "monitoring.dashboard", "podDisruptionBudget"),
    *("networkPolicy", "networkPolicy.operator", "networkPolicy.sessions", "admissionPolicy", "sidecars.oauth2Proxy"),
    *("oauth2Proxy", "oauth2Proxy.image", "cloner", "cloner.image", "test", "csiRclone", "global"),
)


def leaves(values: Values, above: str = "") -> Iterator[str]:
    """Yield the path of every value, such as `deploy.csiRclone`; what a map of labels or annotations holds is one."""
    for name, value in values.items():
        if isinstance(value, dict) and value and all(key.isalnum() for key in value):
            yield from leaves(value, f"{above}{name}.")
        else:
            yield above + name


def emptied(*paths: str) -> Values:
    """Return values that are all options, and nothing at some paths."""
    values = copy.deepcopy(OPTIONS)
    for path in paths:
        *groups, last = path.split(".")
        place = values
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = None
    return values


@pytest.mark.parametrize("path", NEEDED)
def test_an_empty_value_without_which_nothing_works_is_named(path: str) -> None:
    with pytest.raises(HelmError) as refused:
        template(emptied(path))
    assert NEEDED[path] in str(refused.value)


@pytest.mark.parametrize("path", GROUPS)
def test_an_empty_group_is_as_if_nothing_of_it_were_wanted(path: str) -> None:
    assert manager_of(documents(template(emptied(path))))["image"]


@pytest.mark.parametrize("options", [True, False])
def test_any_other_value_may_be_empty(*, options: bool) -> None:
    switches = {f"{group}.enabled" for group in GROUPS} if options else set()
    rest = [path for path in leaves(readme.defaults()) if path not in NEEDED and path not in switches]
    text = template(emptied(*rest))
    assert "<nil>" not in text
    assert manager_of(documents(text))["image"]


@pytest.mark.parametrize("args", [None, []])
def test_sentrys_flags_stand_alone_where_there_are_no_others(args: list[str] | None) -> None:
    sentry = {"enabled": True, "dsn": "https://key@sentry.example.org/1"}
    text = template({"controllerManager": {"manager": {"args": args, "sentry": sentry}}})
    assert manager_of(documents(text))["args"][0] == "--sentry-dsn=https://key@sentry.example.org/1"
