"""When to ask a session's door: only near the pause that hangs on its word, so that a session that rests costs nothing.

It is asked before people are told that the session is about to be paused, and again at the very end: nobody who works
is warned, and work at the last moment counts. `operator/doorman.py` does the asking.
"""

from datetime import UTC, datetime, timedelta

from amalthea.api.reasons import Cause, Reason
from amalthea.model.door import Silent
from amalthea.model.idleness import Idleness
from amalthea.model.lifecycle import Deadline
from amalthea.model.observed import Observed

FRESH = timedelta(seconds=5)
"""How old an answer may be that a session is paused on."""
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120, 300))
"""How long to wait after each time that a door kept silent; the last is for all further ones."""

_AT_ONCE = datetime.min.replace(tzinfo=UTC)


def ask_at(observed: Observed, verdict: Idleness | None, pause: Deadline | None, lead: timedelta) -> datetime | None:
    """Return when the door is to be asked, at once if that has passed; None while its word does not matter."""
    if observed.door is None or verdict is None:
        return None
    look = observed.door.look
    if verdict.reason is Reason.DOOR_SILENT:
        return look.at + PAUSES[min(look.times, len(PAUSES)) - 1] if isinstance(look, Silent) else _AT_ONCE
    if not verdict.idle or pause is None or pause.cause is not Cause.IDLE:
        return None
    for moment in (pause.announced_from(lead), pause.at):
        if look is None or look.at < moment:
            return moment
    return look.at + FRESH if look is not None else None
