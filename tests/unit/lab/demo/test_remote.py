"""The demo of remote sessions: what its sample refers to is made, and what differs on this machine is replaced."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.base import state
from lab.cluster.admin import Admin
from lab.demo import remote as demo_remote
from lab.demo.session import DemoSession
from lab.slurm.site import Site


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Admin:
    monkeypatch.setenv("AMALTHEA_LAB_STATE", str(tmp_path))
    (state.folder("full") / "entry").mkdir(parents=True)
    (state.folder("full") / "entry" / "ca.crt").write_text("authority")
    (state.folder("full") / "https-port").write_text("8444")
    return Admin("full", Path("/bin/kubectl"), Path("/bin/helm"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "secret").write_text("s3cret")
    return Site(tmp_path)


def test_each_secret_of_the_sample_is_made_and_each_address_is_this_machines(cluster: Admin, site: Site) -> None:
    sample: dict[str, Any] = yaml.safe_load(demo_remote.SAMPLE.read_text())
    made = demo_remote.secrets(cluster, site)
    spec = sample["spec"]
    assert set(made) == {spec["session"]["remoteSecretRef"]["name"], spec["extraVolumes"][0]["secret"]["secretName"]}
    assert made["computing-site"]["RSC_AUTH_FIRECREST_CLIENT_SECRET"] == "s3cret"
    [mount] = spec["session"]["extraVolumeMounts"]
    assert made["computing-site"]["SSL_CERT_FILE"] == f"{mount['mountPath']}/ca.crt"
    assert made["computing-site-ca"] == {"ca.crt": "authority"}
    assert demo_remote.address(cluster) == "https://localhost:8444"


def test_the_variables_that_differ_on_this_machine_are_replaced_and_no_others(cluster: Admin) -> None:
    session = DemoSession(cluster, "amalthea", demo_remote.SAMPLE, variables={"RENKU_BASE_URL": "https://localhost:1"})
    sample = {
        each["name"]: each["value"] for each in yaml.safe_load(demo_remote.SAMPLE.read_text())["spec"]["session"]["env"]
    }
    env = {each["name"]: each["value"] for each in session._manifest["spec"]["session"]["env"]}
    assert env == sample | {"RENKU_BASE_URL": "https://localhost:1"}
