"""Compares a live object with a manifest: it must say what the manifest says, whatever defaults added to it."""

from amalthea.api import quantities
from amalthea.api.schema import Manifest
from amalthea.children.changes.patches import OWNED


def covers(live: Manifest, manifest: Manifest) -> bool:
    """Return whether every section that we own is in the live object as the manifest has it."""
    kind: str = manifest["kind"]
    if kind == "Secret":
        return says(live.get("data"), manifest.get("data"))
    # A Job's template is fixed by the API server; its other kinds' sections are those that patches replace.
    names = OWNED.get(kind, ())
    return all(says(live["spec"].get(name), manifest["spec"].get(name)) for name in names if name != "replicas")


def says(live: object, wanted: object) -> bool:
    """Return whether a live value says what the wanted one says."""
    if wanted in (None, "", {}, []):
        return not live or live == wanted
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(says(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        same_length = isinstance(live, list) and len(live) == len(wanted)
        return same_length and all(says(*pair) for pair in zip(live, wanted, strict=True))  # type: ignore[call-overload]
    return live == wanted or _same_quantity(live, wanted)


def _same_quantity(live: object, wanted: object) -> bool:
    """Return whether both are the same quantity, which the API server writes in a form of its own."""
    if isinstance(live, bool) or isinstance(wanted, bool):
        return False
    if not isinstance(live, int | str) or not isinstance(wanted, int | str):
        return False
    try:
        return quantities.equal(live, wanted)
    except ValueError:
        return False
