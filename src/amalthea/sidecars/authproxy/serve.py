"""`sidecars proxy serve`: checks the settings and the ports, and becomes HAProxy.

HAProxy reads its configuration from memory that only it can see: the token is in no argument, variable or file.
"""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from amalthea.sidecars import last_words
from amalthea.sidecars.authproxy import configuration, document, listening, settings
from amalthea.sidecars.authproxy.document import Given, SettingsError

_LUA = Path(__file__).with_name("work.lua")
_LARGEST_FILE = 65536
# HAProxy takes SIGTERM (15) for "at once" and SIGUSR1 (10) for "when the open requests are done".
_COMMAND = ("/usr/bin/dumb-init", "--rewrite", "15:10", "/usr/sbin/haproxy", "-f")


class _Flags(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{self.prog}: {message}; see --help.")


def main(arguments: Sequence[str]) -> int:
    """Become HAProxy. Return if that fails: 2 for a wrong configuration, 3 for a port that is taken, else 1."""
    # Nothing ends the first process of a container but what it handles itself.
    former = signal.signal(signal.SIGTERM, _stopped)
    try:
        wanted = _settings(arguments, os.environ)
        listening.find(wanted.remote)
        ports = listening.addresses(wanted.port), listening.addresses(wanted.meta_port)
        _become(configuration.render(wanted, configuration.Place(*ports, _log(), str(_LUA))))
    except SettingsError as error:
        return last_words.end(str(error), 2)
    except listening.PortTaken as error:
        return last_words.end(str(error), 3)
    except listening.UnknownHost as error:
        return last_words.end(str(error), 1)
    except OSError as error:
        return last_words.end(
            f"HAProxy cannot be started ({error.strerror}); use the image of the sidecars as it is.", 1
        )
    finally:
        signal.signal(signal.SIGTERM, former)


def _settings(arguments: Sequence[str], env: Mapping[str, str]) -> settings.Settings:
    flags = _Flags(
        prog="proxy serve", description="Serve a session to requests that carry its key.", allow_abbrev=False
    )
    flags.add_argument("--config", type=Path, help="YAML file with the key and other settings")
    flags.add_argument("--verbose", action="store_true", help="log every request")
    given = flags.parse_args(arguments)
    file = document.parse(_content(given.config), str(given.config)) if given.config else None
    return settings.read({"verbose": Given("true", "--verbose")} if given.verbose else {}, env, file)


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        text = content.decode()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}); name the configuration file.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    if len(content) > _LARGEST_FILE:
        raise SettingsError(f"{path} is larger than {_LARGEST_FILE} bytes; name the configuration file.")
    return text


def _log() -> int:
    """Return another number for the standard output, which HAProxy closes: it logs each proxy's start and end."""
    number = os.dup(sys.stdout.fileno())
    os.set_inheritable(number, True)
    return number


def _become(text: str) -> NoReturn:
    """Run HAProxy in place of this program, with nothing of its environment."""
    file = os.memfd_create("haproxy.cfg", 0)
    os.write(file, text.encode())
    os.execve(_COMMAND[0], (*_COMMAND, f"/proc/self/fd/{file}"), {})  # noqa: S606


def _stopped(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as an idle HAProxy does: the session is stopped while its door still starts."""
    sys.exit(0)
