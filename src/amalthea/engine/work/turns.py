"""Keys that wait, in an order that is fair to the flows that they come in. Part of `queue.py`."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from amalthea.engine.ports import Key


class Flow(NamedTuple):
    """Keys that wait for each other: those of a namespace and a class."""

    namespace: str
    slow: bool
    """Whether they took long when last looked at."""
    priority: int = 0
    """0 is the most urgent."""


class Turns:
    """Namespaces take turns, and so do the flows of one; the keys of a flow come in the order in which they were added.

    In a namespace's turn its urgent keys come last: they have had each other turn.

    Ordered dicts, since the first key of a plain dict takes longer to find the more keys were removed before it.
    """

    def __init__(self) -> None:
        self._namespaces: OrderedDict[str, OrderedDict[Flow, OrderedDict[Key, None]]] = OrderedDict()

    def add(self, flow: Flow, key: Key) -> None:
        """Add a key that does not wait yet; a namespace, or a flow, of which none waited has the last turn."""
        flows = self._namespaces.setdefault(flow.namespace, OrderedDict())
        flows.setdefault(flow, OrderedDict())[key] = None

    def remove(self, flow: Flow, key: Key) -> None:
        """Remove a key that waits; the turns stay as they are."""
        flows = self._namespaces[flow.namespace]
        del flows[flow][key]
        if not flows[flow]:
            del flows[flow]
        if not flows:
            del self._namespaces[flow.namespace]

    def next(self, may: Callable[[Flow], bool]) -> Key | None:
        """Return the first key of the first flow that `may`, whose next turn is the last; None if none may."""
        for namespace, flows in self._namespaces.items():
            if (flow := _first(flows, may)) is not None:
                self._namespaces.move_to_end(namespace)
                flows.move_to_end(flow)
                return next(iter(flows[flow]))
        return None


def _first(flows: Iterable[Flow], may: Callable[[Flow], bool]) -> Flow | None:
    """Return the first flow that may; an urgent one only if no other may."""
    first = None
    for flow in flows:
        if (first is None or flow.priority) and may(flow):
            first = flow
            if flow.priority:
                break
    return first
