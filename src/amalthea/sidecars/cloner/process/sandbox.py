"""Confines the steps that read a repository's files, by Landlock (Linux 5.13 and later; landlock(7)).

They see the system's programs, the clone and their own folder: not the mounted secrets, no other clone, no network.
It is a second line: no program of a repository runs in the first place.
"""

import contextlib
import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers of the system calls, the same on all architectures."""
_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_EXECUTE, _WRITE, _READ, _LIST = (1 << bit for bit in range(4))
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""The number of rights on files that each version of Landlock knows."""
_TCP = 0b11
"""Bind and connect, since version 4. No rule allows either."""
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt", "/proc", "/sys")
_DEVICES = ("/dev/null", "/dev/random", "/dev/urandom")
"""No terminal, which a read would wait for, and not /dev/shm, where temporary files may be."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


_library = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Return the version of Landlock that the kernel has; 0 where it has none or it is switched off."""
    return max(0, int(_library.syscall(_CREATE_RULESET, None, 0, _VERSION)))


@dataclass(frozen=True)
class Confinement:
    """The folders that a confined process may write to, and the version of Landlock that confines it."""

    writable: tuple[Path, ...]
    known: int

    def enter(self) -> None:
        """Confine this process and all that it starts, for good; raise OSError where the kernel refuses it."""
        enter(self.writable, self.known)


def enter(writable: Sequence[Path], known: int) -> None:
    """Confine this process and all that it starts, for good. `known` is what `version` returned.

    Raises:
        OSError: the kernel refuses it.
    """
    rights = (1 << _RIGHTS_BY_VERSION.get(known, 16)) - 1
    wanted = _Ruleset(rights, _TCP if known >= 4 else 0)
    rules = _checked(_library.syscall(_CREATE_RULESET, ctypes.byref(wanted), 16 if known >= 4 else 8, 0))
    try:
        for path in _SYSTEM:
            _allow(rules, path, _EXECUTE | _READ | _LIST)
        for path in _DEVICES:
            _allow(rules, path, _READ | _WRITE)
        for folder in writable:
            _allow(rules, str(folder), rights)
        _checked(_library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(_library.syscall(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    """Allow rights below a path; what is not there needs none."""
    with contextlib.suppress(FileNotFoundError):
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rule = _Beneath(rights, folder)
            _checked(_library.syscall(_ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(rule), 0))
        finally:
            os.close(folder)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
