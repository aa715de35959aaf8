"""As a part of Renku's umbrella chart: every value that it, its documentation or its branches set is taken."""

import shutil
from pathlib import Path

import pytest
import yaml

from tests.chart.helm import CHART, NAMESPACE, Object, documents, find, helm, manager_of

VALUES: Object = {
    "global": {"renku": {"domain": "renku.example.org"}, "anything": True},
    "amalthea": {"a": "stale block of another chart"},
    "amalthea-sessions": {
        "controllerManager": {
            "manager": {
                "resources": {"limits": {"cpu": "1", "memory": "256Mi"}, "requests": {"cpu": "20m", "memory": "80Mi"}},
                "sentry": {"enabled": True, "dsn": "https://key@sentry.example.org/1", "environment": "dev"},
            },
            "remoteServiceAccount": {"annotations": {"example.org/a": "b"}},
        },
        "deployCrd": False,
        "rcloneStorageClass": "csi-rclone-of-the-pull-request",
        "clusterScoped": True,
        "createRoles": True,
        "deploy": {"csiRclone": False, "priorityClass": True, "remoteServiceAccount": True},
        "sidecars": {"oauth2Proxy": {"extraArgs": ["--skip-auth-preflight=true"]}},
        "anUnknownKey": {"of": "an older umbrella"},
    },
}
"""With a range in Chart.yaml as Renku might write it: a pre-release would not be taken."""


@pytest.fixture
def umbrella(tmp_path: Path) -> Path:
    chart = tmp_path / "renku"
    (chart / "charts").mkdir(parents=True)
    shutil.copytree(CHART, chart / "charts" / "amalthea-sessions")
    needs = {"name": "amalthea-sessions", "version": ">=0.31.0", "repository": "https://example.org/charts"}
    about = {"apiVersion": "v2", "name": "renku", "version": "2.20.0", "dependencies": [needs]}
    (chart / "Chart.yaml").write_text(yaml.dump(about))
    (chart / "values.yaml").write_text(yaml.dump(VALUES))
    return chart


def test_all_that_the_umbrella_sets_is_taken(umbrella: Path) -> None:
    objects = documents(helm("template", "renku", str(umbrella), "--namespace", NAMESPACE, "--skip-tests"))
    manager = manager_of(objects)
    assert manager["resources"]["limits"] == {"cpu": "1", "memory": "256Mi"}
    told = {each["name"]: each.get("value") for each in manager["env"]}
    assert told["RCLONE_STORAGE_CLASS"] == "csi-rclone-of-the-pull-request"
    assert told["CLUSTER_SCOPED"] == "true"
    assert told["AMALTHEA_OAUTH2_PROXY_EXTRA_ARGS"] == '["--skip-auth-preflight=true"]'
    assert find(objects, "PriorityClass")["metadata"]["name"] == "renku-user-sessions-priority"
    assert find(objects, "ServiceAccount", "renku-remote-session-manager")
    assert not [each for each in objects if each["kind"] == "CustomResourceDefinition"]


def test_the_dependency_is_satisfied_by_this_version(umbrella: Path) -> None:
    listed = helm("dependency", "list", str(umbrella))
    (line,) = (line for line in listed.splitlines() if line.startswith("amalthea-sessions"))
    assert line.split()[-1] in ("ok", "unpacked"), line


def test_web_back_ends_network_policies_find_the_operator(umbrella: Path) -> None:
    """Renku's policies let pods with this label reach the doors' port 65534, and open the API server to both labels."""
    objects = documents(helm("template", "renku", str(umbrella), "--namespace", NAMESPACE, "--skip-tests"))
    labels = find(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    wanted = {"app.kubernetes.io/name": "amalthea-sessions", "control-plane": "controller-manager"}
    assert wanted.items() <= labels.items()
