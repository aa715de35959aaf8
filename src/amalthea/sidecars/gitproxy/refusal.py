"""Answers of the proxy's own, where there is none to pass on: a status, and a sentence that git shows to its user."""

import ssl
from http import HTTPStatus

from amalthea.sidecars.http.http1 import Head
from amalthea.sidecars.http.origins import Origin
from amalthea.sidecars.http.peer import Peer

ALLOW_HTTP_HOSTS = "GIT_PROXY_ALLOW_HTTP_HOSTS"


class Refused(Exception):  # noqa: N818  (named by what happened)
    """A request that gets no answer but ours. The message is for the user."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def of(server: Origin, error: OSError) -> Refused:
    """Return the refusal for a server that could not be reached or has hung up."""
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = "Ask your administrators to have the git proxy trust its CA."
        return Refused(502, f"The certificate of {server.host} is not trusted ({error.verify_message}). {remedy}")
    if isinstance(error, TimeoutError):
        return Refused(504, f"{server.host} does not answer. Try again later.")
    return Refused(502, f"{server.host} cannot be reached, or closed the connection ({_why(error)}). Try again later.")


def unencrypted(server: Origin) -> Refused:
    """Return the refusal for a repository that wants credentials and got no token, for lack of TLS."""
    remedy = f"Write https:// in its address, or have your administrators list it in {ALLOW_HTTP_HOSTS}."
    return Refused(403, f"http://{server.authority} is not encrypted, so your token is not sent there. {remedy}")


def sent_back(server: Origin, error: Exception) -> Refused:
    """Return the refusal for a server whose answer would show the session the token."""
    return Refused(502, f"{server.host} {error}, so its answer is withheld.")


async def answer(client: Peer, status: int, text: str) -> None:
    """Send an answer, and let the connection end with it."""
    body = f"{text}\n".encode()
    fields = (
        ("Content-Type", "text/plain; charset=utf-8"),  # git shows such, and no other
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    )
    await client.send(Head(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", 1, fields).encode() + body)
    await client.linger()


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
