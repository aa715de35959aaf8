"""How many connections each source may have, so that no stranger keeps the owner or the kubelet out. Pure text.

A *known* source has shown the key within a day, or is the pod itself behind oauth2-proxy; all others are strangers.
Each group has connections that the other cannot take. One source of strangers cannot take them all, either: the kubelet
asks from an address that has shown no key. An ingress is one known source for everybody, so `access` ends each
connection that it refuses, and an ingress passes only whole heads on.
"""

from amalthea.sidecars.authproxy import access, pages

LET_IN = 250
"""Requests and WebSockets at once that get an answer from the session. More are told that there are too many."""
_KNOWN = 1000
"""Connections of known sources. An ingress needs many: when the machine stalls, strangers' requests wait there, too."""
STRANGERS = 150
"""Connections of strangers."""
CROWD = 60
"""From so many connections of strangers on, each further one is for a source that has at most `_FEW`."""
_FEW = 3
MOST = _KNOWN + STRANGERS + 50
"""HAProxy's own limit. Above it, connections wait in one line; so they are refused before, and it is not reached."""
MOST_META = 80
_FEW_META = 4
"""Connections of one source on the port where the operator asks."""
PATIENCE = "5s"
"""How long a stranger may be silent within a request, and may take for its head."""
_BACKLOG = 4096
"""Connections that the kernel may hold until HAProxy sees them. What does not fit is lost for a second or more."""
TABLES = (
    ("backend sources", "stick-table type ipv6 size 2k expire 1d store conn_cur,gpt0"),
    ("backend strangers", "stick-table type string len 8 size 1 expire 1d store conn_cur"),
    ("backend forms", "stick-table type string len 8 size 1 expire 1d store conn_cur"),
    ("backend inside", "stick-table type string len 8 size 1 expire 1d store conn_cur"),
    ("backend askers", "stick-table type ipv6 size 1k expire 1m store conn_cur"),
)
_COUNT = "str(all),table_conn_cur(strangers)"


def door(*, from_within: bool) -> list[str]:
    """Return the limits of the door, for each connection before a byte of it is read."""
    return [
        f"maxconn {MOST}",
        f"backlog {_BACKLOG}",
        *(["acl from_within src 127.0.0.1 ::1"] if from_within else []),
        f"acl known {'src 127.0.0.1 ::1' if from_within else 'sc0_get_gpt0 gt 0'}",
        f"acl strangers_full {_COUNT} ge {STRANGERS}",
        f"acl strangers_crowd {_COUNT} ge {CROWD}",
        f"acl several sc0_conn_cur gt {_FEW}",
        "tcp-request connection track-sc0 src table sources",
        f"tcp-request connection set-var(sess.strangers) {_COUNT}",
        "tcp-request connection reject if !known strangers_full",
        "tcp-request connection reject if !known strangers_crowd several",
        f"tcp-request connection reject if known {{ fe_conn,sub(sess.strangers) gt {_KNOWN} }}",
        "tcp-request connection track-sc1 str(all) table strangers if !known",
    ]


def let_in() -> list[str]:
    """Return the rules for who is let in: no limit of time, and a source that is known from then on."""
    return [
        "http-request track-sc4 str(all) table inside",
        f"acl too_many sc_conn_cur(4) gt {LET_IN}",
        *access.refuse(503, pages.TOO_MANY, "too_many", headers=f"{pages.LATER} {pages.END}"),
        "http-request set-timeout client 1d",
        "http-request sc-set-gpt0(0) 1",
    ]


def meta() -> list[str]:
    """Return the limits of the port where the operator asks, one short question at a time."""
    return [
        f"maxconn {MOST_META}",
        f"backlog {_BACKLOG}",
        "timeout client 2s",
        "timeout http-request 2s",
        "tcp-request connection track-sc0 src table askers",
        f"tcp-request connection reject if {{ sc0_conn_cur gt {_FEW_META} }}",
    ]
