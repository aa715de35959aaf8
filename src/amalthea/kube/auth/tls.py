"""TLS contexts from what a configuration holds: authorities and client certificates, as files or as data."""

import os
import ssl
import tempfile
from pathlib import Path


def context(authorities: bytes | None, *, verify: bool = True) -> ssl.SSLContext:
    """Return a client context that trusts `authorities` (PEM); None: those of this machine.

    Raise ssl.SSLError if they are not certificates.
    """
    made = ssl.create_default_context(cadata=authorities.decode("ascii", "replace") if authorities else None)
    # Python 3.13 demands extensions that the authorities of many running clusters do not have.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def present(made: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Let `made` present a client certificate (both PEM), also on the connections of a context in use.

    OpenSSL reads both from files only: one that nobody else can read, and which is gone right after.
    """
    descriptor, name = tempfile.mkstemp(prefix="amalthea-")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate + b"\n" + key)
        made.load_cert_chain(name)
    finally:
        Path(name).unlink()
