"""The CA certificates that all sidecars trust: the system's, plus any mounted ones."""

import ssl
from collections.abc import Mapping
from pathlib import Path

VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Each may name a file of authorities more."""


def context(env: Mapping[str, str]) -> ssl.SSLContext:
    """Return the TLS context that checks servers' certificates: the system's CAs, and those of the two variables.

    Raises:
        ValueError: a variable names a file that cannot be read or contains no certificates; which one, and the remedy.
    """
    made = ssl.create_default_context()
    made.set_alpn_protocols(["http/1.1"])
    # Python 3.13 demands extensions that the authorities of many institutes do not have.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    for name in VARIABLES:
        if path := env.get(name):
            try:
                made.load_verify_locations(path)
            except OSError as error:
                why = error.strerror or "it contains no certificates"
                raise ValueError(f"{name} names {path}, which cannot be used ({why}); name a PEM file.") from None
    return made


def mounted(env: Mapping[str, str]) -> bytes:
    """Return the certificates of the files that the two variables name, one after the other; raise OSError."""
    paths = dict.fromkeys(env[name] for name in VARIABLES if env.get(name))
    return b"".join(Path(path).read_bytes().rstrip() + b"\n" for path in paths)
