"""The command line of a process is shown to everybody, so no password may stay in it."""

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import sys
from amalthea.sidecars.cloner.process import hardening
hardening.hide()
hardening.wipe_argument("me:secret")
print(open("/proc/self/cmdline", "rb").read().split(b"\\0")[-3:-1], sys.argv[1:], flush=True)
"""


def test_a_password_in_an_argument_is_overwritten_and_the_program_goes_on_with_it() -> None:
    words = (sys.executable, "-c", _PROGRAM, "--remote", "https://me:secret@host/me:secret")

    shown = subprocess.run(words, capture_output=True, text=True, check=True, cwd=Path(__file__).parent).stdout

    assert shown == (
        "[b'--remote', b'https://xxxxxxxxx@host/xxxxxxxxx'] ['--remote', 'https://me:secret@host/me:secret']\n"
    )
