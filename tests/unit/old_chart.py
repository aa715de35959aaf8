"""The start of the manager by the Go operator's chart: the same environment and flags must start ours."""

from functools import cache
from pathlib import Path

import yaml

_CHART = Path(__file__).parents[1] / "data" / "recorded" / "chart.yaml"


@cache
def manager() -> dict[str, list[dict[str, str]]]:
    """Return the container of the recorded Deployment."""
    objects = [entry for entry in yaml.safe_load_all(_CHART.read_text()) if entry]
    (deployment,) = (entry for entry in objects if entry["kind"] == "Deployment")
    containers = deployment["spec"]["template"]["spec"]["containers"]
    found: dict[str, list[dict[str, str]]] = next(entry for entry in containers if entry["name"] == "manager")
    return found


def environment() -> dict[str, str]:
    """Return the variables that the chart sets."""
    return {entry["name"]: entry["value"] for entry in manager()["env"]}


def flags() -> list[str]:
    """Return the flags that the chart passes."""
    return [str(flag) for flag in manager()["args"]]
