"""A repository that is only cloned runs no code, and gets no password sent anywhere else; the clone ends in time."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.base.pki import Authority
from tests.sidecars.cloner.canary import Canaries
from tests.sidecars.cloner.hostile import World
from tests.sidecars.cloner.hostile_files import BY_FILES
from tests.sidecars.cloner.hostile_submodules import BY_SUBMODULES
from tests.sidecars.cloner.machine import Cloner, Ended
from tests.sidecars.cloner.objects import Bare
from tests.support import sidecars
from tests.support.git import commit, git
from tests.support.git_server import GitServer

ATTACKS = {**BY_SUBMODULES, **BY_FILES}
AT_ONCE = 4
SECONDS = 100.0
"""Half a minute of it are pauses before further attempts, where a network could not be reached."""
PASSWORD = "glpat-of-the-victim"


@dataclass(frozen=True)
class Outcome:
    """The outcome of one attack."""

    ended: Ended
    seconds: float
    clone: Path
    run: str
    """The command that its repository wants to run."""
    ran: bool


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """A server that the repository's owner controls."""
    folder = tmp_path_factory.mktemp("other")
    server = GitServer(folder, Authority(folder / "pki"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def canaries() -> Iterator[Canaries]:
    made = Canaries()
    yield made
    made.close()


@pytest.fixture(scope="module")
def outcomes(
    tmp_path_factory: pytest.TempPathFactory,
    serving: GitServer,
    other: GitServer,
    repositories: Path,
    canaries: Canaries,
) -> Mapping[str, Outcome]:
    """Clone each hostile repository with a password, several at a time."""
    folder = tmp_path_factory.mktemp("hostile")
    inner = Bare(repositories / "inner.git") if not (repositories / "inner.git").exists() else None
    tip = inner.publish({"a": "a"}) if inner else git(repositories / "inner.git", "rev-parse", "HEAD")
    index = _fsmonitor_index(folder)
    serving.sent.clear()
    for server in (serving, other):  # they ask for passwords there, and note what they are given
        server.passwords.update(dict.fromkeys(("sessions", "lfs", "x"), ("mallory", "x")))
    other.passwords["inner"] = ("mallory", "x")

    def attack(numbered: tuple[int, str]) -> Outcome:
        number, title = numbered
        place = folder / str(number)
        for made in ("volume", "tmp"):
            (place / made).mkdir(parents=True)
        bare = Bare(repositories / f"hostile{number}.git")
        run = canaries.command()
        world = World(run, tip, serving.host, other.host, index, serving.add_large_file, bare)
        bare.publish(ATTACKS[title](world)) if "default branch" not in title else ATTACKS[title](world)
        serving.passwords[f"hostile{number}"] = ("me", PASSWORD)
        config = place / "credentials.yaml"
        config.write_text(f"username: me\npassword: {PASSWORD}\n")
        cloner = Cloner(place / "volume", place / "tmp", serving.ca, patience=SECONDS)
        begun = time.monotonic()
        ended = cloner.clone(serving.address(f"hostile{number}"), "--config", str(config))
        return Outcome(ended, time.monotonic() - begun, place / "volume" / f"hostile{number}", run, run in canaries.ran)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(ATTACKS, pool.map(attack, enumerate(ATTACKS)), strict=True))


def _fsmonitor_index(folder: Path) -> bytes:
    work = folder / "monitored"
    git(folder, "init", "--quiet", str(work))
    commit(work, "a", "a")
    git(work, "-c", "core.fsmonitor=/bin/true", "update-index", "--fsmonitor")
    return (work / ".git" / "index").read_bytes()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("title", ATTACKS)
def test_a_hostile_repository_is_a_clone_or_a_sentence(title: str, outcomes: Mapping[str, Outcome]) -> None:
    outcome = outcomes[title]

    assert not outcome.ran, "its code ran"
    assert outcome.seconds < SECONDS
    last = outcome.ended.log.splitlines()[-1]
    if outcome.ended.code == 0:
        assert last.endswith(f" was cloned into {outcome.clone}.")
        assert (outcome.clone / ".git").is_dir()
    else:
        assert outcome.ended.code == 1, outcome.ended.log
        assert " failed" in last or " is not an address " in last, outcome.ended.log
        assert last.endswith(".")
        assert not outcome.clone.exists()
    assert PASSWORD not in outcome.ended.log
    assert "\x1b" not in outcome.ended.log
    assert "Traceback" not in outcome.ended.log


@pytest.mark.timeout(600)
def test_the_password_went_to_the_repositories_themselves_and_nowhere_else(
    outcomes: Mapping[str, Outcome], serving: GitServer, other: GitServer
) -> None:
    assert outcomes
    assert {path.split("/")[1] for path in serving.sent} == {f"hostile{n}.git" for n in range(len(ATTACKS))}
    assert other.sent == []
    assert not Path("/tmp/amalthea-escaped").exists()


@pytest.mark.timeout(600)
def test_an_attack_works_on_git_without_the_cloner_and_is_seen(
    outcomes: Mapping[str, Outcome], canaries: Canaries
) -> None:
    outcome = outcomes["embedded bare repository"]
    assert canaries.ran == set()

    subprocess.run(sidecars.command("git", "-C", str(outcome.clone / "evil"), "ls-files"), check=False)

    assert canaries.ran == {outcome.run}
