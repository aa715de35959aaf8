"""The meaning of git's last words: the cause and the next step for a researcher, and whether a retry may help.

Only sentences of ours reach a session's status. Git's own words stay in the container's log.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class GitFailure:
    """One failed attempt. Transient: the network or the server may be better in a moment."""

    message: str
    transient: bool = False


_FULL = "the session's storage is full; ask for more storage, or clone less"
_KEY = "its private key or the key's password is wrong; correct the repository's credentials"
_HOST = "its server's host key is not the known one; check the server, and correct knownHosts"
_LOGIN = "its server refuses access; give credentials if it is private, or correct those that are given"
_GONE = "its server has no such repository, or hides it; check the address and the credentials"
_TRUST = (
    "its server's certificate is not trusted; add its CA certificate as caCertificates to the repository's credentials,"
    " or ask your administrators to trust it"
)
_EXPIRED = "its server's certificate has expired; ask the server's administrators to renew it"
_STRANGER = "its server presents another server's certificate; check the address"
_QUOTA = "its server's quota for large files is used up; ask the owner of the repository"
_LARGE = "the server lacks one of its large files; ask somebody who has it to push it"
_REF = "it names a commit that its server does not have; push that commit, or correct the submodule"
_MEMORY = "git ran out of memory; ask your administrators for more memory for cloning"
_PLACE = "its folder cannot be written; check where the session's storage is mounted, and its user"
_NAME = "the name of its server cannot be resolved; check the address, and try again later"
_NETWORK = "its server cannot be reached or closes the connection; check the address, and try again later"
_BUSY = "its server is overloaded or has an internal error; try again later"

_SILENT = "its server was silent for a quarter of an hour; try again later, or ask its administrators"
SILENCE = "amalthea: silent for too long"
"""Words of ours for a git that was ended because it said nothing."""
_CAUSES: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    (_SILENT, False, (SILENCE,)),
    (_FULL, False, ("No space left on device", "Disk quota exceeded")),
    (_MEMORY, False, ("signal 9", "[Oo]ut of memory", "Cannot allocate memory")),
    (_HOST, False, ("Host key verification failed", "HOST IDENTIFICATION HAS CHANGED")),
    (_KEY, False, ("Load key ", r"Permission denied \(", "Too many authentication failures")),
    (_QUOTA, False, ("over its data quota",)),
    (
        _BUSY,
        True,
        (r"(HTTP|returned error:|status:|code:?|=) (429|5\d\d)\b", "Too Many Requests", "Internal Server Error"),
    ),
    (_BUSY, True, ("Bad Gateway", "Service Unavailable", "Gateway Time-?out")),
    (
        _LOGIN,
        False,
        ("Authentication failed", "could not read (Username|Password)", "returned error: 40[13]", "Access denied"),
    ),
    (_LOGIN, False, ("Authentication required", "Authorization error", "credentials for .* not found")),
    (_REF, False, ("not our ref", "did not contain", "reference is not a tree", "Unable to find current revision")),
    (_LARGE, False, ("does not exist on the server", "Object does not exist")),
    (_GONE, False, ("repository '?.*'? not found", "Repository (or object )?not found", "returned error: 404")),
    (_GONE, False, ("does not appear to be a git repository", "not valid: is this a git repository")),
    (_EXPIRED, False, ("certificate.* expired",)),
    (_STRANGER, False, ("certificate.* does not match", "doesn't match", "certificate is valid for")),
    (_TRUST, False, ("certificate", "SSL peer")),
    (_NAME, True, ("Could not resolve", "Name or service not known", "name resolution", "no such host")),
    (
        _NETWORK,
        True,
        ("[Cc]onnection (refused|reset|timed out|closed)", "[Nn]etwork is unreachable", "No route to host"),
    ),
    (_NETWORK, True, ("[Tt]imed out", "[Tt]imeout", r"\bEOF\b", "hung up", "unexpected disconnect", "Broken pipe")),
    (_NETWORK, True, ("unable to access", "RPC failed", "index-pack failed", "kex_exchange_identification")),
    (_NETWORK, True, ("TLS connection was non-properly terminated",)),
    (_PLACE, False, ("Permission denied", "Read-only file system", "could not create (work tree|leading)")),
)
"""The cause, whether it may pass, and by which words of git, ssh or git-lfs it is known. The first that fits holds."""


_NAMES = re.compile(r"""^Cloning into .*$|(?<!\w)'[^'\n]*'|"[^"\n]*"|\w+://\S+""", re.MULTILINE)
"""The names of repositories, files and branches, which say nothing of a cause."""


def judge(said: str, doing: str) -> GitFailure:
    """Return what failed, from all that git `said`. `doing` begins the sentence: "Cloning https://host/path"."""
    own_words = _NAMES.sub("''", said)
    for cause, transient, words in _CAUSES:
        if re.search("|".join(words), own_words):
            return GitFailure(f"{doing} failed: {cause}.", transient)
    return GitFailure(f"{doing} failed; see the log of this container for git's messages.")


def asks_for_login(said: str) -> bool:
    """Return whether git failed because the server does not let us in, with a password, a key or without."""
    return judge(said, "").message in {f" failed: {cause}." for cause in (_LOGIN, _KEY)}


_USER_IN_ADDRESS = re.compile(r"(\w://)[^/@\s]*@")


def harmless(line: str) -> str:
    """Return a line of git's for the log: users and passwords in addresses go, and so do control characters."""
    return "".join(sign for sign in _USER_IN_ADDRESS.sub(r"\1", line) if sign.isprintable()).rstrip()
