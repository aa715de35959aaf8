"""A start or a pause of one session on real pods, timed from outside: by watches, and by requests for its page.

Times are seconds since it was asked for, by this machine's clock: those in the objects are whole seconds.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from lab.cluster.localhost import Answer, ask
from lab.control_plane.api import Api, ApiError

Object = dict[str, Any]

SESSIONS = "/apis/amalthea.dev/v1alpha1/namespaces/{}/amaltheasessions"
PODS = "/api/v1/namespaces/{}/pods"
PATIENCE = 90.0
POLL, PAGE_POLL = 0.02, 0.1
"""Seconds between two looks at the program, and at each page: with 0.02 there, a fifth of all CPU time went into looks,
most of it in the ingresses."""
CONNECTS_WITHIN = 0.5


class NotDoneError(Exception):
    """A timed start or pause that did not complete; the text says what was lacking."""


@dataclass(frozen=True)
class Subject:
    """The session that is timed, and how its page is asked for."""

    namespace: str
    name: str
    port: int
    """Of its program, in the pod."""
    path: str
    """Of its page, which the program serves, too."""
    pages: Mapping[str, str]
    """Addresses of the page, by the name of the ingress that serves it."""
    key: str
    """The key to its door."""


class Stopwatch:
    """Follows one session. `start` and `pause` return when each thing was seen for the first time."""

    def __init__(self, api: Api, subject: Subject) -> None:
        self._api = api
        self._subject = subject
        self._seen: dict[str, float] = {}
        self._began = time.monotonic()
        self._address = ""
        self._over = threading.Event()
        self._answered: dict[str, int] = {}
        """The last status of each page, 0 where nobody answered."""
        for path, read in ((SESSIONS, self._read_session), (PODS, self._read_pod)):
            threading.Thread(target=self._follow, args=(path, read), daemon=True).start()

    def start(self, act: Callable[[], object]) -> dict[str, float]:
        """Return what was seen from `act`, which has the session started, until it runs and its page is open."""
        self._address = ""
        lookers = {"program": self._answers, **{f"page, {each}": self._opens(each) for each in self._subject.pages}}
        return self._timed(act, lookers, ("running", *lookers))

    def pause(self, act: Callable[[], object]) -> dict[str, float]:
        """Return what was seen from `act`, which pauses the session, until its pod is gone and its status says so."""
        return self._timed(act, {"ended": self._is_silent}, ("ended", "hibernated"))

    def _timed(
        self, act: Callable[[], object], lookers: Mapping[str, Callable[[], bool]], wanted: tuple[str, ...]
    ) -> dict[str, float]:
        self._seen, self._began = {}, time.monotonic()
        seen = self._seen
        act()
        threads = [threading.Thread(target=self._look, args=each, daemon=True) for each in lookers.items()]
        for thread in threads:
            thread.start()
        while lacking := [each for each in wanted if each not in seen]:
            if time.monotonic() - self._began > PATIENCE:
                told = ", ".join(
                    f"{each} ({self._answered[each]})" if each in self._answered else each for each in lacking
                )
                raise NotDoneError(f"{self._subject.name}: not seen within {PATIENCE:g} s: {told}")
            time.sleep(POLL)
        return dict(seen)

    def _look(self, what: str, holds: Callable[[], bool]) -> None:
        began, every = self._began, PAGE_POLL if what.startswith("page, ") else POLL
        while began == self._began and time.monotonic() - began < PATIENCE:
            if holds():
                self._mark(what)
                return
            time.sleep(every)

    def _mark(self, what: str) -> None:
        self._seen.setdefault(what, time.monotonic() - self._began)

    def _answers(self) -> bool:
        """Return whether the program itself answers, within its pod."""
        address = self._address
        return bool(address) and ask(self._at(address), to=address).is_success

    def _at(self, address: str) -> str:
        return f"http://{address}:{self._subject.port}{self._subject.path}"

    def _is_silent(self) -> bool:
        """Return whether nobody listens on the program's port any more."""
        try:
            with socket.create_connection((self._address, self._subject.port), CONNECTS_WITHIN):
                return False
        except OSError:
            return True

    def _opens(self, ingress: str) -> Callable[[], bool]:
        url, headers = self._subject.pages[ingress], as_a_browser(self._subject.key)

        def opens() -> bool:
            answer = ask(url, headers=headers)
            self._answered[f"page, {ingress}"] = answer.status
            if is_waiting_page(answer):
                self._mark(f"waiting page, {ingress}")
            return answer.is_success

        return opens

    def close(self) -> None:
        """Follow the session no longer: its cluster may go."""
        self._over.set()

    def _follow(self, path: str, read: Callable[[Object], Iterator[str]]) -> None:
        broken = (ApiError, OSError, HTTPException, LookupError, ValueError)
        while not self._over.is_set():
            with suppress(*broken):  # it is begun again
                self._watch(path, read)
            self._over.wait(POLL)

    def _watch(self, path: str, read: Callable[[Object], Iterator[str]]) -> None:
        for event in self._api.watch(path.format(self._subject.namespace)):
            found = event["object"]
            name = found["metadata"]["name"]
            for what in read(found) if self._subject.name in (name, name.removesuffix("-0")) else ():
                self._mark(what)

    def _read_session(self, session: Object) -> Iterator[str]:
        state = session.get("status", {}).get("state", "")
        if state == ("Hibernated" if session["spec"]["hibernated"] else "Running"):
            yield state.lower()

    def _read_pod(self, pod: Object) -> Iterator[str]:
        status = pod["status"]
        self._address = status.get("podIP", self._address)
        conditions = {each["type"] for each in status.get("conditions", ()) if each["status"] == "True"}
        named = (("PodScheduled", "scheduled"), ("PodReadyToStartContainers", "volume"), ("Ready", "ready"))
        yield from (what for kind, what in named if kind in conditions)
        init = status.get("initContainerStatuses", ())
        yield from ("door" for each in init if each["name"] == "authproxy" and "running" in each["state"])
        clones = [each["state"].get("terminated") for each in init if each["name"].startswith("git-clone")]
        if clones and all(clones):
            yield "clone"
        session = (each for each in status.get("containerStatuses", ()) if each["name"] == "amalthea-session")
        yield from ("container" for each in session if "running" in each["state"])


def as_a_browser(key: str) -> dict[str, str]:
    """Return the header fields of somebody who opens the page, and has the key."""
    return {"Cookie": f"renku-auth={key}", "Sec-Fetch-Mode": "navigate", "Accept": "text/html"}


def is_waiting_page(answer: Answer) -> bool:
    """Return whether it is the door's page that says that the session is starting."""
    return answer.status == 503 and b"<main" in answer.body
