"""The monitoring must not be blind itself: rules and dashboard ask for metrics that exist, alerts fire
when they should, and each has a page that says what to do.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from amalthea.operator.telemetry.metrics import OperatorMetrics, SessionRow, exposition
from lab.base.progress import Progress
from lab.base.system import Package, ensure
from tests.chart.helm import ROOT, HelmError, Object, Values, find, render

ALL: Values = {
    "monitoring": {
        "serviceMonitor": {"enabled": True},
        "alerts": {"enabled": True},
        "dashboard": {"enabled": True},
    }
}
TESTS = Path(__file__).parent / "alerts.test.yaml"
METRIC = re.compile(r"\b(?:amalthea|process)_[a-z_]+\b")


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    return render(ALL)


@pytest.fixture(scope="module")
def rules(objects: list[Object]) -> list[Object]:
    (group,) = find(objects, "PrometheusRule")["spec"]["groups"]
    found: list[Object] = group["rules"]
    return found


@pytest.fixture(scope="module")
def dashboard(objects: list[Object]) -> Object:
    read: Object = json.loads(find(objects, "ConfigMap", "-dashboard")["data"]["amalthea.json"])
    return read


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus's own tool for rules, of Debian's package."""
    ensure((Package("prometheus", "promtool"),), Progress())
    return shutil.which("promtool") or "/usr/bin/promtool"


def told() -> set[str]:
    """Return the names of all series that the operator has."""
    registry = CollectorRegistry()
    metrics = OperatorMetrics(registry)
    for count in (metrics.failed, metrics.hibernated, metrics.deleted):
        count("Unknown")
    metrics.requests.labels("get", "pods", "200")
    for counter in (metrics.watch_events, metrics.watch_failures, metrics.relists):
        counter.labels("pods")
    row = SessionRow("ns", "one", "Running", False, 1, 1, 0, 0, 0, 0, 0)
    text = generate_latest(registry).decode() + "".join(exposition([row]))
    return {re.split("[{ ]", line)[0] for line in text.splitlines() if line and not line.startswith("#")}


def expressions(dashboard: Object) -> Iterator[str]:
    """Yield the queries of all panels and variables."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


def run(*argv: str) -> str:
    """Run a program in any folder; return what it wrote, or fail with it."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_nothing_of_it_is_there_by_default() -> None:
    kinds = {each["kind"] for each in render()}
    assert not kinds & {"ServiceMonitor", "PrometheusRule", "ConfigMap"}


def test_rules_and_dashboard_ask_only_for_metrics_that_there_are(rules: list[Object], dashboard: Object) -> None:
    known = told()
    for expression in (*(rule["expr"] for rule in rules), *expressions(dashboard)):
        asked = set(METRIC.findall(expression))
        assert asked, expression
        assert asked <= known, expression


def test_prometheus_understands_the_rules(promtool: str, rules: list[Object], tmp_path: Path) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text(yaml.dump({"groups": [{"name": "amalthea", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run(promtool, "check", "rules", str(file))


def test_prometheus_understands_the_panels(promtool: str, dashboard: Object, tmp_path: Path) -> None:
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    filled = [expression.replace("$namespace", "renku").replace("$__rate_interval", "2m") for expression in asked]
    recorded = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(filled)]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.dump({"groups": [{"name": "panels", "rules": recorded}]}))
    assert f"{len(asked)} rules found" in run(promtool, "check", "rules", str(file))


def test_each_alert_fires_when_it_should_and_not_otherwise(promtool: str, rules: list[Object], tmp_path: Path) -> None:
    without_words = [{key: value for key, value in rule.items() if key != "annotations"} for rule in rules]
    (tmp_path / "alerts.yaml").write_text(yaml.dump({"groups": [{"name": "amalthea", "rules": without_words}]}))
    run(promtool, "test", "rules", str(shutil.copy(TESTS, tmp_path)))


def test_each_alert_is_tested_both_ways(rules: list[Object]) -> None:
    tests = yaml.safe_load(TESTS.read_text())["tests"]
    checks: list[dict[str, Any]] = [check for test in tests for check in test["alert_rule_test"]]
    for rule in rules:
        fires = {bool(check.get("exp_alerts")) for check in checks if check["alertname"] == rule["alert"]}
        assert fires == {True, False}, rule["alert"]


def test_each_alert_links_to_what_to_do(rules: list[Object]) -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE)
    assert headings == [rule["alert"] for rule in rules]
    for rule in rules:
        assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbooks.md#{rule['alert'].lower()}")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_alerts_of_two_releases_do_not_hide_each_other(rules: list[Object], objects: list[Object]) -> None:
    service = find(objects, "Service", "-metrics")["metadata"]["name"]
    for rule in rules:
        ours = f'{{namespace="renku",service="{service}"'
        assert len(METRIC.findall(rule["expr"])) == rule["expr"].count(ours), rule["alert"]


def test_the_monitor_finds_the_metrics_service_and_no_other(objects: list[Object]) -> None:
    service, monitor = find(objects, "Service", "-metrics"), find(objects, "ServiceMonitor")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert "scheme" not in endpoint


def test_guarded_metrics_are_read_with_a_token() -> None:
    args = ["--metrics-bind-address=:8080", "--metrics-secure"]
    monitor = find(render({**ALL, "controllerManager": {"manager": {"args": args}}}), "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["bearerTokenFile"]


def test_prometheus_and_grafana_find_what_is_labelled_for_them() -> None:
    label = {"release": "prometheus"}
    parts = {
        "serviceMonitor": {"enabled": True, "labels": label, "interval": "15s"},
        "alerts": {"enabled": True, "labels": label, "runbooks": "https://wiki/amalthea"},
        "dashboard": {"enabled": True, "labels": label},
    }
    objects = render({"monitoring": parts})
    labelled = [each for each in objects if label.items() <= each["metadata"].get("labels", {}).items()]
    assert {each["kind"] for each in labelled} == {"ServiceMonitor", "PrometheusRule", "ConfigMap"}
    assert find(labelled, "ServiceMonitor")["spec"]["endpoints"][0]["interval"] == "15s"
    (group,) = find(labelled, "PrometheusRule")["spec"]["groups"]
    assert group["rules"][0]["annotations"]["runbook_url"] == "https://wiki/amalthea#amaltheanobodyacts"


@pytest.mark.parametrize("part", ["serviceMonitor", "alerts"])
def test_what_reads_the_metrics_service_needs_it(part: str) -> None:
    values = {"monitoring": {part: {"enabled": True}}, "controllerManager": {"metricsService": {"enabled": False}}}
    with pytest.raises(HelmError, match=r"need controllerManager\.metricsService\.enabled"):
        render(values)


def test_panels_do_not_cover_each_other(dashboard: Object) -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(places) == len(set(places))
    assert all(panel["description"].endswith(".") for panel in dashboard["panels"])
