"""The chart as Helm sees it: rendered, refused, installed. Knows where the chart's files are."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from lab.programs import binaries, versions

Object = dict[str, Any]
Values = dict[str, Any]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "amalthea-sessions"
RECORDED = ROOT / "tests" / "data" / "recorded"
NAMESPACE = "renku"
RELEASE = "amalthea"


class HelmError(Exception):
    """Helm refused; the text is what it wrote to standard error."""


def helm(*arguments: str, stdin: str | None = None, home: Path | None = None) -> str:
    """Run Helm and return its standard output; `home` takes what it would write below the user's own home.

    Raise HelmError if it fails.
    """
    folder = {"HELM_CACHE_HOME": str(home), "HELM_CONFIG_HOME": str(home), "HELM_DATA_HOME": str(home)} if home else {}
    argv = [str(binaries.path("helm")), *arguments]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, env={**os.environ, **folder})
    if done.returncode:
        raise HelmError(done.stderr.strip())
    return done.stdout


def template(values: Values | None = None, *flags: str, chart: Path = CHART) -> str:
    """Return what the chart installs with some values, as text, for the lab's version of Kubernetes."""
    cluster = ("--namespace", NAMESPACE, "--kube-version", versions.KUBERNETES, "--skip-tests")
    return helm("template", RELEASE, str(chart), *cluster, "--values", "-", *flags, stdin=yaml.dump(values or {}))


def render(values: Values | None = None, *flags: str, chart: Path = CHART) -> list[Object]:
    """Return the objects that the chart renders with some values."""
    return documents(template(values, *flags, chart=chart))


def documents(text: str) -> list[Object]:
    """Return the objects of a text of several YAML documents."""
    return [document for document in yaml.safe_load_all(text) if document is not None]


def find(objects: Iterable[Object], kind: str, name: str = "") -> Object:
    """Return the one object of a kind whose name ends in `name`."""
    found = [each for each in objects if each["kind"] == kind and each["metadata"]["name"].endswith(name)]
    assert len(found) == 1, f"{len(found)} objects of kind {kind} named …{name}"
    return found[0]


def manager_of(objects: Iterable[Object]) -> Object:
    """Return the operator's container."""
    containers: list[Object] = find(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert [container["name"] for container in containers] == ["manager"]
    return containers[0]


def environment_of(container: Object) -> dict[str, str]:
    """Return the environment of a container, without what only a running pod has."""
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def bound(objects: Iterable[Object]) -> list[Object]:
    """Return the roles that the operator has: those of a binding."""
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    references = (each["roleRef"] for each in by_name.values() if "roleRef" in each)
    return [by_name[reference["kind"], reference["name"]] for reference in references]


def rights(*roles: Object) -> set[tuple[str, str, str]]:
    """Return what roles allow, as group, resource and verb."""
    return {
        (group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
