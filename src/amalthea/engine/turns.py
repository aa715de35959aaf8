"""Keys that wait, in an order that is fair to the flows that they come in. Part of ``queue.py``."""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from amalthea.engine.ports import Key


class Flow(NamedTuple):
    """Those who share a turn: the keys of a namespace, but for those that took long when they were looked at last."""

    namespace: str
    slow: bool


class Turns:
    """Flows take turns; the keys of one come in the order in which they were added.

    Ordered dicts, since the first key of a plain dict takes longer to find the more keys were removed before it.
    """

    def __init__(self) -> None:
        self._flows: OrderedDict[Flow, OrderedDict[Key, None]] = OrderedDict()

    def add(self, flow: Flow, key: Key) -> None:
        """Add a key that does not wait yet; a flow of which none waited has the last turn."""
        keys = self._flows.get(flow)
        if keys is None:
            keys = self._flows[flow] = OrderedDict()
        keys[key] = None

    def remove(self, flow: Flow, key: Key) -> None:
        """Remove a key that waits; the turns stay as they are."""
        keys = self._flows[flow]
        del keys[key]
        if not keys:
            del self._flows[flow]

    def next(self, may: Callable[[Flow], bool]) -> Key | None:
        """Return the first key of the first flow that ``may``, whose next turn is the last; None if none may."""
        flow = next(filter(may, self._flows), None)
        if flow is None:
            return None
        self._flows.move_to_end(flow)
        return next(iter(self._flows[flow]))
