"""`helm test` shows an admin whether sessions can be used: it runs one on real pods, and leaves nothing of it."""

from lab.cluster.admin import Admin
from tests.e2e.operator_pod import Installation
from tests.support.world import World


def test_helms_test_runs_a_session_and_leaves_nothing(cluster: Admin, operator: Installation, world: World) -> None:
    release = operator.release
    said = cluster.helm("test", release.name, "--namespace", release.namespace, "--timeout", "3m")
    assert "Phase:          Succeeded" in said
    left = world.api.get(world.path("AmaltheaSession"))["items"]
    assert not [each for each in left if each["metadata"]["name"].startswith("amalthea-trial-")]
    assert world.get("Pod", f"{release.name}-amalthea-sessions-test") is None
