"""The workspace that is submitted to Run:ai for a session, and the meaning of its phases. Pure."""

from collections.abc import Mapping
from datetime import datetime

from amalthea.remote import entry
from amalthea.remote.errors import Refused
from amalthea.remote.job.port import Phase, Report
from amalthea.remote.runai.client import Project, Workload
from amalthea.remote.settings import AMOUNTS, Options, SettingsError

FORWARD = ("RSC_RUNAI_FORWARD_RESOURCE_VALUES", "RSC_FIRECREST_FORWARD_RESOURCE_VALUES")
"""The first that is set says whether a workspace asks for what its session does: web back ends know the second."""
_USERS = "USER_ENV_"
_WAITING = frozenset(("Creating", "Initializing", "Pending", "Resuming"))
_CAUSES = {
    "Failed": "The session's program ended with an error",
    "Stopped": "The workspace was stopped in Run:ai",
    "Stopping": "The workspace was stopped in Run:ai",
    "Deleting": "The workspace was deleted in Run:ai",
    "Terminating": "The workspace was deleted in Run:ai",
    "Degraded": "The workspace lost a part of what it runs on",
}


def name(project: str, now: datetime, suffix: str) -> str:
    """Return the name of a workspace submitted now; `suffix` distinguishes it from another of the same second."""
    return f"amalthea-{project}-{now:%Y%m%d-%H-%M-%S}-{suffix}"


def request(title: str, project: Project, env: Mapping[str, str], asked: Mapping[str, object]) -> dict[str, object]:
    """Return the body that submits a session, from the controller's own environment; `asked` is what it needs.

    Raises:
        Refused: a variable cannot be sent; which one.
    """
    if odd := sorted(key for key, value in variables(env).items() if not _is_text(value)):
        raise Refused(f"{', '.join(odd)} holds bytes that are not text (UTF-8), which Run:ai cannot be sent.")
    listed = [{"name": key, "value": value} for key, value in sorted(variables(env).items())]
    spec: dict[str, object] = {"image": env.get("REMOTE_SESSION_IMAGE", ""), "environmentVariables": listed}
    if asked:
        spec["compute"] = asked
    return {"name": title, "projectId": str(project.id), "clusterId": project.cluster_id, "spec": spec}


def compute(options: Options) -> dict[str, object]:
    """Return what a workspace asks for, in Run:ai's words; what is left out is as its project says.

    GPUs are whole ones: a portion or an amount of memory of one would need `gpuRequestType`.

    Raises:
        SettingsError: an amount is not a number.
    """
    amounts = options.amounts(*FORWARD)
    for name, text in zip(AMOUNTS, amounts, strict=True):
        if text and not (text.isascii() and text.isdigit()):
            raise SettingsError(f"{name} is not a number; write a whole one.")
    cpus, mebibytes, gpus = (int(text or 0) for text in amounts)
    asked = {
        "cpuCoreRequest": cpus,
        "cpuMemoryRequest": f"{mebibytes}Mi" if mebibytes else "",
        "gpuDevicesRequest": gpus,
    }
    return {name: amount for name, amount in asked.items() if amount}


def _is_text(value: str) -> bool:
    return value == value.encode(errors="replace").decode()


def variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the session's program: the user's own, and those that its image relies on.

    The tunnel's secret is one of them: there is no script around the program, so the image has to dial by itself.
    """
    users = {key.removeprefix(_USERS): value for key, value in env.items() if key.startswith(_USERS)}
    secret = {"WSTUNNEL_SECRET": env["RSC_WSTUNNEL_SECRET"]} if env.get("RSC_WSTUNNEL_SECRET") else {}
    working = env.get("RENKU_WORKING_DIR") or "/home/renku/work"
    return (
        users
        | entry.tunnel(env)
        | secret
        | {
            "RENKU_PROJECT_PATH": env.get("RENKU_PROJECT_PATH") or "dev-project",
            "RENKU_BASE_URL_PATH": env.get("RENKU_BASE_URL_PATH") or "/",
            "HOME": working,
            "RENKU_SESSION_PORT": env.get("RENKU_SESSION_PORT") or "8888",
            "RENKU_MOUNT_DIR": env.get("RENKU_MOUNT_DIR") or working,
            "RENKU_WORKING_DIR": working,
        }
    )


def report(workload: Workload) -> Report:
    """Return the report on a workspace."""
    word = workload.actual_phase or ""
    cause = f"{_CAUSES[word]} ({word}). Resume the session to submit a new one." if word in _CAUSES else ""
    return Report(_phase(word), word, cause=cause)


def has_ended(workload: Workload) -> bool:
    """Return whether a workspace has ended for good."""
    found = _phase(workload.actual_phase or "")
    return found is not None and found.ended


def is_gone(workload: Workload) -> bool:
    """Return whether a workspace that was deleted is ending."""
    return (workload.actual_phase or "") in ("Deleting", "Terminating")


def _phase(word: str) -> Phase | None:
    if word in _WAITING:
        return Phase.NOT_READY
    if word == "Running":
        return Phase.RUNNING
    if word == "Completed":
        return Phase.COMPLETED
    return Phase.FAILED if word in _CAUSES else None
