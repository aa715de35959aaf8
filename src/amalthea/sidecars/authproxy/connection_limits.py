"""Limits on the connections of each source, so that no stranger keeps the owner or the kubelet out. Pure text.

A *known* source has shown the key within a day, or is the pod itself behind oauth2-proxy; all others are strangers.
Each group has connections that the other cannot take. One source of strangers cannot take them all, either: the kubelet
asks from an address that has shown no key. An ingress is one source for everybody, and a stranger until somebody has
shown the key through it. So `access` ends each connection that it refuses, an ingress passes only whole heads on, and
`sign_in` waits for few forms of one source.
"""

from amalthea.sidecars.authproxy import access, pages

LET_IN = 250
"""Requests and WebSockets at once that get an answer from the session. More are refused as too many."""
_KNOWN = 1000
"""Connections of known sources. An ingress needs many: when the machine stalls, strangers' requests wait there, too."""
STRANGERS = 150
"""Connections of strangers."""
MOST_OF_ONE = 40
"""Connections of one source of strangers: one pod does not make the crowd, even with the forms of an ingress."""
CROWD = 90
"""From so many connections of strangers on, each further one is for a source that has at most `_FEW`."""
_FEW = 3
_MOST_OF_ONE_NETWORK = STRANGERS - 20
"""Connections of strangers of one IPv6 /64: a machine may have all of its addresses. But one /64 may also have the pods
of a node and its kubelet, so each address is a source of its own."""
MOST = _KNOWN + STRANGERS + 50
"""HAProxy's own limit. Above it, connections wait in one line; so they are refused before, and it is not reached."""
MOST_META = 80
_FEW_META = 4
"""Connections of one source on the port where the operator asks."""
_NETWORK_META = MOST_META - 20
"""Connections of one IPv6 /64 there."""
PATIENCE = "5s"
"""The time that a stranger may be silent within a request, and may take for its head."""
_BACKLOG = 4096
"""Connections that the kernel may hold until HAProxy sees them. What does not fit is lost for a second or more."""
TABLES = (
    ("backend sources", "stick-table type ipv6 size 2k expire 1m store conn_cur"),
    ("backend networks", "stick-table type ipv6 size 1k expire 1m store conn_cur"),
    # Only those who have shown the key get in here: thousands of strangers' addresses push none of them out.
    ("backend known", "stick-table type ipv6 size 2k expire 1d store gpt0"),
    ("backend strangers", "stick-table type string len 8 size 1 expire 1d store conn_cur"),
    ("backend forms", "stick-table type ipv6 size 1k expire 1m store conn_cur"),
    ("backend inside", "stick-table type string len 8 size 1 expire 1d store conn_cur"),
    ("backend askers", "stick-table type ipv6 size 1k expire 1m store conn_cur"),
    ("backend asking_networks", "stick-table type ipv6 size 1k expire 1m store conn_cur"),
)
_NETWORK = "src,ipmask(32,64)"
_COUNT = "str(all),table_conn_cur(strangers)"


def door(*, from_within: bool) -> list[str]:
    """Return the limits of the door, for each connection before a byte of it is read."""
    return [
        f"maxconn {MOST}",
        f"backlog {_BACKLOG}",
        *(["acl from_within src 127.0.0.1 ::1"] if from_within else []),
        f"acl known {'src 127.0.0.1 ::1' if from_within else 'src,table_gpt0(known) gt 0'}",
        f"acl strangers_full {_COUNT} ge {STRANGERS}",
        f"acl strangers_crowd {_COUNT} ge {CROWD}",
        f"acl several sc0_conn_cur gt {_FEW}",
        f"acl too_many_of_one sc0_conn_cur gt {MOST_OF_ONE}",
        f"acl too_many_of_network {_NETWORK},table_conn_cur(networks) ge {_MOST_OF_ONE_NETWORK}",
        "tcp-request connection track-sc0 src table sources",
        f"tcp-request connection set-var(sess.strangers) {_COUNT}",
        "tcp-request connection reject if !known strangers_full",
        "tcp-request connection reject if !known too_many_of_one",
        "tcp-request connection reject if !known too_many_of_network",
        "tcp-request connection reject if !known strangers_crowd several",
        f"tcp-request connection reject if known {{ fe_conn,sub(sess.strangers) gt {_KNOWN} }}",
        "tcp-request connection track-sc1 str(all) table strangers if !known",
        f"tcp-request connection track-sc5 {_NETWORK} table networks if !known",
    ]


def let_in() -> list[str]:
    """Return the rules for admitted requests: no time limit, and a source that is known from then on."""
    return [
        "http-request track-sc4 str(all) table inside",
        f"acl too_many sc_conn_cur(4) gt {LET_IN}",
        *access.refuse(503, pages.TOO_MANY, "too_many", headers=f"{pages.LATER} {pages.END}"),
        "http-request set-timeout client 1d",
        "http-request track-sc6 src table known",
        "http-request sc-set-gpt0(6) 1",
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
        f"tcp-request connection reject if {{ {_NETWORK},table_conn_cur(asking_networks) ge {_NETWORK_META} }}",
        f"tcp-request connection track-sc1 {_NETWORK} table asking_networks",
    ]
