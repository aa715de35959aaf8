"""The results of the timed starts: the split, step by step, and the bounds that are promised."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Times = dict[str, float]
"""Seconds from the request until each thing was first seen, as `stopwatch.py` names it."""

STEPS = (
    ("scheduled", "a node is found"),
    ("volume", "the volume is mounted, the pod has its network"),
    ("door", "the door's container runs"),
    ("clone", "the repository is cloned"),
    ("container", "the session's container runs"),
    ("program", "the program answers"),
    ("ready", "the probe has succeeded: the pod is ready"),
    ("running", "the state is Running"),
)
OPEN_AFTER_PROGRAM, AT_MOST = 1.5, 3.0
"""Seconds from the program's first answer until the state is Running and the page opens: of 19 in 20, and of all."""
SHARE = 0.95
RESUME_TO_PAGE, CREATE_TO_PAGE = 5.0, 7.0
EARLY_AFTER_DOOR = 1.0
PAUSED_AFTER_END = 2.0


@dataclass(frozen=True)
class Found:
    """Everything that was timed."""

    created: list[Times]
    resumed: list[Times]
    old: list[Times]
    """Resumes with the Go operator's probe."""
    paused: list[Times]
    throttles: Mapping[str, float] = field(default_factory=dict)
    """Seconds for which each ingress may know nothing of a new session, by the name of its page."""


def pages(times: Times) -> list[str]:
    """Return the names of the pages that were asked for."""
    return [each for each in times if each.startswith("page, ")]


def page_opened(times: Times) -> float:
    """Return when the page was open through each ingress."""
    return max(times[page] for page in pages(times))


def opened(times: Times) -> float:
    """Return when a start was over: the state is Running, and the page is open."""
    return max(times["running"], page_opened(times))


def after_program(times: Times) -> float:
    """Return how long that was after the program's first answer."""
    return opened(times) - times["program"]


def broken(found: Found) -> list[str]:
    """Return a sentence for each bound that does not hold."""
    timed = {"create": found.created, "resume": found.resumed, "start with the old probe": found.old}
    told = [f"no {kind} was timed" for kind, starts in {**timed, "pause": found.paused}.items() if not starts]
    told += _late([*found.created, *found.resumed])
    for what, starts, most in (("resume", found.resumed, RESUME_TO_PAGE), ("create", found.created, CREATE_TO_PAGE)):
        if (last := max(map(page_opened, starts), default=0.0)) > most:
            told.append(f"from {what} to the page it took {last:.2f} s, at most {most:g} allowed")
    told += [sentence for times in found.created for sentence in waited_for(times, found.throttles)]
    told += [sentence for times in found.resumed for sentence in waited_for(times, {})]
    if (late := max((each["hibernated"] - each["ended"] for each in found.paused), default=0.0)) > PAUSED_AFTER_END:
        told.append(f"Hibernated came {late:.2f} s after the program's end, not {PAUSED_AFTER_END:g}")
    return told


def waited_for(times: Times, throttles: Mapping[str, float]) -> Iterator[str]:
    """Yield a sentence for each waiting page that was late or missing: counted from the door, or the throttle's end.

    A throttled ingress may have read the cluster a moment before the session was made, and then looks away.
    """
    for page in pages(times):
        if f"waiting {page}" not in times:
            yield f"no waiting page through {page}"
        elif "door" not in times:
            yield f"the door was never seen, so nobody knows if the waiting page through {page} was late"
        elif (late := times[f"waiting {page}"] - max(times["door"], throttles.get(page, 0.0))) > EARLY_AFTER_DOOR:
            yield f"the waiting page came {late:.2f} s after the door, not {EARLY_AFTER_DOOR:g}"


def _late(starts: Sequence[Times]) -> Iterator[str]:
    late = sorted(map(after_program, starts))
    in_time = sum(each <= OPEN_AFTER_PROGRAM for each in late)
    if in_time < SHARE * len(late):
        yield f"{in_time} of {len(late)} starts were open {OPEN_AFTER_PROGRAM:g} s after the program answered"
    if late and late[-1] > AT_MOST:
        yield f"one was open {late[-1]:.2f} s after the program answered, at most {AT_MOST:g} allowed"


def render(found: Found) -> str:
    """Return the figures as a person reads them: least, median and most of each step, by kind of start."""
    all_starts = (("create", found.created), ("resume", found.resumed), ("old probe", found.old))
    kinds = [(f"{name} ({len(starts)})", starts) for name, starts in all_starts]
    lines = ["Seconds from the request: least / median / most", _line("", [name for name, _ in kinds])]
    rows = [*STEPS, *((each, f"the waiting page, {each[14:]}") for each in _named(found, "waiting page"))]
    rows += [(each, f"the page opens, {each[6:]}") for each in _named(found, "page")]
    for step, words in rows:
        lines.append(_line(words, [_spread([each[step] for each in starts if step in each]) for _, starts in kinds]))
    lines.append(_line("open, after the program answered", [_spread(list(map(after_program, s))) for _, s in kinds]))
    pauses = [each["hibernated"] - each["ended"] for each in found.paused]
    return "\n".join([*lines, f"Hibernated, seconds after the program's end: {_spread(pauses)}"])


def _named(found: Found, begin: str) -> list[str]:
    starts = (*found.created, *found.resumed, *found.old)
    names = {name for start in starts for name in start if name.startswith(f"{begin}, ")}
    return sorted(names)


def _spread(values: list[float]) -> str:
    if not values:
        return "-"
    return f"{min(values):.2f} / {statistics.median(values):.2f} / {max(values):.2f}"


def _line(label: str, cells: list[str]) -> str:
    return f"{label:<48}" + "".join(f"{cell:>24}" for cell in cells)
