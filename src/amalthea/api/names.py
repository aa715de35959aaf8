"""Every name that other software relies on: labels, annotations, ports, containers, children.

Constants, and no logic beyond composing them; used by all that builds or reads a session's children.
"""

GROUP = "amalthea.dev"
VERSION = "v1alpha1"
KIND = "AmaltheaSession"
PLURAL = "amaltheasessions"
API_VERSION = f"{GROUP}/{VERSION}"

FINALIZER = "amalthea.dev/secrets-finalizer"
"""On a session that adopts at least one secret: the secrets are deleted before the session goes."""

FIELD_MANAGER = "amalthea"
"""The field manager by which the API server records our changes: the first part of our User-Agent."""

LEASE = "d2dc1fe0.amalthea.dev"
"""The leader election Lease; the Go operator's too, so that the two never act at once."""

# Labels of every child and of the pod.
LABEL_NAME = "app.kubernetes.io/name"
LABEL_INSTANCE = "app.kubernetes.io/instance"
LABEL_PART_OF = "app.kubernetes.io/part-of"
LABEL_CREATED_BY = "app.kubernetes.io/created-by"
CHILD_SELECTOR = f"{LABEL_NAME}={KIND},{LABEL_PART_OF}=amaltheasession-operator"
"""Finds the children and pods of all sessions."""

ANNOTATION_RUN_ID = "renku.io/run_id"
"""On the workload and its pod: the ULID of the run that the pod belongs to."""
ANNOTATION_SESSION_UID = "renku.io/session_uid"
"""On the workload and its pod: the UID of the session."""
ANNOTATION_APPLIED = "amalthea.dev/applied"
"""On a child, never on a pod template: what we last wrote and which wish of the user it came from."""
ANNOTATION_BUSY_UNTIL = "amalthea.dev/busy-until"
"""On a session, written by a program that works in it: an RFC 3339 time until which it does not count as idle."""
ANNOTATION_RCLONE_SECRET = "csi-rclone.dev/secretName"  # noqa: S105  (an annotation's name)
"""On the claim of a data source: the secret that configures its mount."""

# Ports in the pod, and how the Service names them.
PORT_ENTRY = 65535
"""Authenticated entry."""
PORT_META = 65534
"""The authproxy's metadata."""
PORT_SECOND_PROXY = 65533
"""The authproxy behind oauth2-proxy."""
PORT_REMOTE_CONTROLLER = 65532
PORT_TUNNEL = 65531
PORT_NAME_HTTP = "amalthea-http"
PORT_NAME_META = "amalthea-http-meta"
PORT_NAME_TUNNEL = "amalthea-tunnel"

# Containers.
CONTAINER_SESSION = "amalthea-session"
CONTAINER_OAUTH2_PROXY = "oauth2-proxy"
CONTAINER_AUTHPROXY = "authproxy"
CONTAINER_TUNNEL = "tunnel"

# Volumes of the pod.
VOLUME_SESSION = "amalthea-volume"
VOLUME_SHM = "amalthea-dev-shm"
VOLUME_CLONE_TMP = "amalthea-git-clone-tmp"
"""The working space of the clone containers, credentials for git among it: in memory, a folder for each."""
VOLUME_PROXY_CONFIG = "amalthea-proxy-configuration-secret"
VOLUME_FIXED_PROXY_CONFIG = "amalthea--fixed-proxy-configuration-secret"
VOLUME_AUTHORIZED_EMAILS = "amalthea--authorized-emails-secret"

# Keys of the internal secret.
SECRET_KEY_WSTUNNEL = "WSTUNNEL_SECRET"  # noqa: S105  (a key's name)
SECRET_KEY_COOKIE_PATH = "authproxy-cookie-path"  # noqa: S105  (a key's name)
SECRET_KEY_MAX_AGE = "remote-max-age-seconds"  # noqa: S105  (a key's name)
SECRET_KEY_COMMAND = "remote-command"  # noqa: S105  (a key's name)
SECRET_KEY_ARGS = "remote-args"  # noqa: S105  (a key's name)
SECRET_KEY_WORKING_DIR = "remote-working-dir"  # noqa: S105  (a key's name)
SECRET_KEY_ALPHA_CONFIG = "oauth2-proxy-alpha-config.yaml"  # noqa: S105  (a key's name)
SECRET_KEY_PROXY_CONFIG = "oauth2-proxy-config.yaml"  # noqa: S105  (a key's name)


def selector_labels(session: str) -> dict[str, str]:
    """Return the labels by which a session's Service and workload select its pod."""
    return {
        LABEL_NAME: KIND,
        LABEL_INSTANCE: session,
        LABEL_PART_OF: "amaltheasession-operator",
        LABEL_CREATED_BY: "controller-manager",
    }


def internal_secret(session: str) -> str:
    """Return the name of the secret that the operator makes for a session."""
    return f"{session}---internal"


def data_source_claim(session: str, index: int) -> str:
    """Return the name of a data source's claim, and of its volume in the pod."""
    return f"amalthea-{session}-ds-{index}"


def is_data_source_claim(name: str) -> bool:
    """Return whether a claim of ours has such a name."""
    return name.startswith("amalthea-") and name.rpartition("-")[0].endswith("-ds")


def clone_container(index: int) -> str:
    """Return the name of the init container that clones a repository."""
    return f"git-clone-{index}"


def clone_credentials_volume(index: int) -> str:
    """Return the name of the volume that holds a repository's cloning credentials."""
    return f"amalthea-git-clone-cred-volume-{index}"
