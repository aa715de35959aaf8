"""The AmaltheaSession resource, amalthea.dev/v1alpha1: the source from which `crd.py` writes the CRD.

Each field carries its type, default, bounds and a sentence for `kubectl explain`. Reading is tolerant where
objects of older releases lack fields: missing means local, Interactive, no run.
"""

from typing import Annotated, Literal

from msgspec import Meta

from amalthea.api.schema import (
    ApiStruct,
    Duration,
    Manifest,
    Quantity,
    Timestamp,
    doc,
    embedded,
    immutable,
    required,
    understood,
)

SECRET_NAME = "Name of the secret, in the session's namespace."  # noqa: S105
ADOPT = "Delete the secret together with the session. It is left alone where this is absent or false."


class SecretRef(ApiStruct, frozen=True, kw_only=True):
    """A secret in the session's namespace."""

    name: Annotated[str, doc(SECRET_NAME)]
    key: Annotated[str, doc("Key in the secret, where one key is used.")] | None = None
    adopt: Annotated[bool, doc(ADOPT)] | None = None


class SecretKeyRef(ApiStruct, frozen=True, kw_only=True):
    """A key of a secret in the session's namespace."""

    name: Annotated[str, doc(SECRET_NAME)]
    key: Annotated[str, doc("Key in the secret that holds the value.")]
    adopt: Annotated[bool, doc(ADOPT)] | None = None


class Storage(ApiStruct, frozen=True, kw_only=True):
    """The session's own volume."""

    class_name: (
        Annotated[str, doc("StorageClass; the cluster's default if absent. Fixed once the volume exists.")] | None
    ) = None
    size: Annotated[
        Quantity,
        doc("Size of the volume, such as 10Gi. It can grow where the StorageClass allows it, and never shrinks."),
    ] = "1Gi"
    mount_path: Annotated[str, doc("Path at which the session container mounts the volume.")] = "/workspace"


class ReadinessProbe(ApiStruct, frozen=True, kw_only=True):
    """The check by which Kubernetes learns that the session answers."""

    type: Annotated[
        Literal["none", "tcp", "http"],
        doc("`tcp` opens the port, `http` requests urlPath on it, `none` treats a started container as ready."),
    ] = "tcp"


class SessionContainer(ApiStruct, frozen=True, kw_only=True):
    """The container that the user works in."""

    image: Annotated[str, doc("Image of the session. The operator may be set up to pull it from a mirror.")]
    image_pull_policy: Annotated[
        Literal["Always", "Never", "IfNotPresent"], doc("When the node pulls the image again.")
    ] = "Always"
    command: Annotated[list[str], doc("Replaces the entry point of the image.")] | None = None
    args: Annotated[list[str], doc("Replaces the arguments of the image.")] | None = None
    env: (
        Annotated[list[Manifest], embedded("env", "Environment variables. The last of two with the same name wins.")]
        | None
    ) = None
    working_dir: Annotated[str, doc("Directory that the session starts in; the image's if absent.")] | None = None
    port: Annotated[
        int,
        Meta(gt=0, lt=65530),
        doc("Port on which the session answers HTTP inside the pod.", format="int32"),
    ] = 8000
    url_path: Annotated[
        str,
        doc("Path, and query if any, that the user is sent to. It must lie below the Ingress's pathPrefix."),
    ] = "/"
    strip_url_path: Annotated[
        bool, doc("Remove urlPath from requests before the session sees them. Needs authentication.")
    ] = False
    run_as_user: Annotated[int, Meta(ge=0), doc("Numeric user of the session.", format="int64")] = 1000
    run_as_group: Annotated[
        int, Meta(ge=0), doc("Numeric group of the session and of the files on its volume.", format="int64")
    ] = 1000
    resources: Annotated[Manifest, embedded("resources", "CPU, memory and devices: requests and limits.")] | None = None
    storage: Annotated[Storage, doc("The volume on which the user's files survive a pause.")] = Storage()
    shm_size: Annotated[Quantity, doc("Size of /dev/shm, such as 1Gi; the node's default if absent.")] | None = None
    extra_volume_mounts: (
        Annotated[list[Manifest], embedded("extraVolumeMounts", "Mounts of extraVolumes in the session container.")]
        | None
    ) = None
    readiness_probe: Annotated[ReadinessProbe, doc("How Kubernetes learns that the session answers.")] = (
        ReadinessProbe()
    )
    remote_secret_ref: (
        Annotated[SecretRef, doc("Credentials for the remote machine, given to the controller of a remote session.")]
        | None
    ) = None


class Ingress(ApiStruct, frozen=True, kw_only=True):
    """Settings for access to the session from outside the cluster."""

    host: Annotated[
        str,
        doc("Host name of the session's URL.", **{"x-kubernetes-validations": immutable("Host is immutable")}),
    ]
    path_prefix: Annotated[str, doc("Requests below this path go to the session.")] = "/"
    ingress_class_name: Annotated[str, doc("IngressClass that serves it; the cluster's default if absent.")] | None = (
        None
    )
    annotations: Annotated[dict[str, str], doc("Annotations of the Ingress, for its controller.")] | None = None
    tls_secret: Annotated[SecretRef, doc("Certificate and key of the host.")] | None = None
    use_default_cluster_tls_cert: Annotated[bool, doc("Serve HTTPS with the Ingress controller's own certificate.")] = (
        False
    )
    assume_https: Annotated[bool, doc("Report an https URL although TLS ends before the cluster.")] = False


class Authentication(ApiStruct, frozen=True, kw_only=True):
    """Settings that decide who may open the session."""

    enabled: Annotated[bool, doc("Whether users must authenticate.")] = True
    type: Annotated[
        Literal["token", "oauth2proxy", "oidc"],
        doc("`token`: one shared token; `oauth2proxy`: its whole configuration; `oidc`: a provider and e-mails."),
    ]
    secret_ref: Annotated[SecretRef, doc("The configuration. `key` is needed for token and oauth2proxy.")]
    extra_volume_mounts: (
        Annotated[list[Manifest], embedded("extraVolumeMounts", "Mounts of extraVolumes in the authenticating proxy.")]
        | None
    ) = None


class CodeRepository(ApiStruct, frozen=True, kw_only=True):
    """A repository that is cloned before the session starts."""

    type: Annotated[Literal["git"], doc("Kind of the repository.")] = "git"
    remote: Annotated[str, doc("Address of the repository.", example="https://github.com/SwissDataScienceCenter/renku")]
    clone_path: Annotated[
        str,
        doc(
            "Folder below the volume's mountPath in which the clone's own folder is made.",
            example="repositories/project1",
        ),
    ] = "."
    revision: (
        Annotated[str, doc("Branch, tag or commit; the remote's default branch if absent.", example="main")] | None
    ) = None
    cloning_config_secret_ref: (
        Annotated[
            SecretKeyRef,
            doc(
                "Credentials for cloning, a YAML file: username and password, or for SSH privateKey, with its password "
                "if it has one. For SSH, knownHosts may list the server's keys (else any key is accepted). "
                "caCertificates (PEM) are trusted besides the system's, here and by git in the session."
            ),
        ]
        | None
    ) = None
    config_secret_ref: (
        Annotated[
            SecretKeyRef,
            doc("Git configuration for the running session: a file like .git/config, added to the clone's."),
        ]
        | None
    ) = None


class DataSource(ApiStruct, frozen=True, kw_only=True):
    """Remote data that the session sees as a folder."""

    type: Annotated[Literal["rclone"], doc("Kind of the source.")] = "rclone"
    mount_path: Annotated[
        str,
        doc("Where the data is mounted; relative to the session's working directory.", example="data/storages"),
    ] = "data"
    access_mode: Annotated[
        str,
        doc(
            "ReadOnlyMany mounts it read-only; ReadWriteOnce, ReadWriteMany and ReadWriteOncePod let the session write."
        ),
    ] = "ReadOnlyMany"
    secret_ref: (
        Annotated[
            SecretRef,
            doc("The rclone configuration of the source. Needed for local sessions: else `Accepted` is False."),
        ]
        | None
    ) = None


class Culling(ApiStruct, frozen=True, kw_only=True):
    """Limits after which the session is paused or deleted automatically. An absent or zero duration sets no limit."""

    max_age: (
        Annotated[
            Duration,
            doc(
                "Pause it this long after it was started or resumed, such as 24h. A job is not paused, but stopped as "
                "failed."
            ),
        ]
        | None
    ) = None
    max_idle_duration: Annotated[Duration, doc("Pause it after being idle for this long.")] | None = None
    max_starting_duration: Annotated[Duration, doc("Pause it if it is not ready this long after its start.")] | None = (
        None
    )
    max_failed_duration: Annotated[Duration, doc("Pause it after being failed for this long.")] | None = None
    max_hibernated_duration: (
        Annotated[Duration, doc("Delete it, files included, after being paused for this long.")] | None
    ) = None
    cpu_idle_threshold: Annotated[
        Quantity, doc("A session container that uses less CPU than this is idle. 0 means the default.")
    ] = "300m"
    last_interaction: (
        Annotated[Timestamp, doc("When the user last said that they are at work; idleness counts from then on.")] | None
    ) = None


class TemplateMetadata(ApiStruct, frozen=True, kw_only=True):
    """Labels and annotations."""

    labels: Annotated[dict[str, str], doc("Labels of all objects and of the pod. The operator's own win.")] | None = (
        None
    )
    annotations: Annotated[dict[str, str], doc("Annotations of each object and of the pod.")] | None = None


class Template(ApiStruct, frozen=True, kw_only=True):
    """Settings that all children of the session share."""

    metadata: Annotated[TemplateMetadata, doc("Labels and annotations of all objects of the session.")] | None = None


class Spec(ApiStruct, frozen=True, kw_only=True):
    """The session that the user wants: what runs, how it is reached, and when it pauses automatically."""

    hibernated: Annotated[bool, required("Pause the session: its pod is deleted, its volume stays.")] = False
    session: Annotated[SessionContainer, doc("The container that the user works in.")]
    location: Annotated[
        Literal["local", "remote"],
        doc(
            "`local` runs in this cluster, `remote` on another machine with a tunnel back.",
            **{"x-kubernetes-validations": immutable("location is immutable")},
        ),
    ] = "local"
    session_type: Annotated[
        Literal["Interactive", "NonInteractive"],
        doc(
            "`Interactive` is opened in a browser, `NonInteractive` is a batch job that runs to its end.",
            **{"x-kubernetes-validations": immutable("sesion type is immutable")},
        ),
    ] = "Interactive"
    reconcile_strategy: Annotated[
        Literal["never", "always", "whenFailedOrHibernated"],
        doc("When a change of this spec is applied: `never`, `always`, or only while failed or paused."),
    ] = "always"
    ingress: Annotated[Ingress, doc("How the session is reached; no Ingress is made if absent.")] | None = None
    authentication: Annotated[Authentication, doc("Who may open the session; anybody if absent.")] | None = None
    code_repositories: (
        Annotated[
            list[CodeRepository],
            doc(
                "Repositories that are cloned before the session starts.",
                **{"x-kubernetes-validations": immutable("CodeRepositories is immutable")},
            ),
        ]
        | None
    ) = None
    data_sources: Annotated[list[DataSource], doc("Remote data that the session mounts as folders.")] | None = None
    culling: (
        Annotated[
            Culling,
            doc("When the session is paused or deleted automatically. An absent or zero duration sets no limit."),
        ]
        | None
    ) = None
    extra_containers: (
        Annotated[list[Manifest], embedded("containers", "Containers beside the session's. Names stay as given.")]
        | None
    ) = None
    init_containers: (
        Annotated[list[Manifest], embedded("containers", "Containers that run before it, after the clones.")] | None
    ) = None
    extra_volumes: Annotated[list[Manifest], embedded("extraVolumes", "Further volumes of the pod.")] | None = None
    image_pull_secrets: (
        Annotated[
            list[SecretRef],
            doc("Credentials for the images' registries. The chart's imageRewriteRules then do not apply."),
        ]
        | None
    ) = None
    service_account_name: Annotated[str, doc("Service account of the pod; its token is not mounted.")] | None = None
    priority_class_name: Annotated[str, doc("PriorityClass of the pod.")] | None = None
    tolerations: Annotated[list[Manifest], embedded("tolerations", "Tolerations of the pod.")] | None = None
    affinity: Annotated[Manifest, embedded("affinity", "Nodes that the pod prefers or requires.")] | None = None
    node_selector: (
        Annotated[
            dict[str, str],
            doc("Labels that the pod's node must have.", **{"x-kubernetes-map-type": "atomic"}),
        ]
        | None
    ) = None
    template: Annotated[Template, doc("Labels and annotations of all objects of the session.")] | None = None


State = Literal["Running", "Failed", "Hibernated", "NotReady", "RunningDegraded", "Succeeded"]
RUNNING_STATES: tuple[State, ...] = ("Running", "RunningDegraded")
"""The states of a session that can be used."""


class ContainerCounts(ApiStruct, frozen=True, kw_only=True):
    """The numbers of ready and of all containers of the pod."""

    ready: Annotated[int, understood("Containers that are ready, or completed successfully.")] = 0
    total: Annotated[int, understood("Containers of the pod.")] = 0


class Condition(ApiStruct, frozen=True, kw_only=True):
    """One aspect of the session's condition."""

    type: Annotated[str, doc("Type of the condition, such as Ready or RoutingReady.")]
    status: Annotated[str, doc("True, False or Unknown.")]
    reason: Annotated[str, doc("Why, as one stable word for programs.")] | None = None
    message: Annotated[str, doc("Why, as a sentence for people.")] | None = None
    last_transition_time: Annotated[Timestamp, doc("When the status last changed.")] | None = None


class Status(ApiStruct, frozen=True, kw_only=True):
    """The state of the session, written by the operator and read by everyone."""

    state: Annotated[
        State,
        doc(
            "`NotReady` is starting or stopping; `RunningDegraded` works, but a container beside it does not;"
            " `Succeeded` is a job that completed."
        ),
    ] = "NotReady"
    url: Annotated[str, doc("URL of the session; the word None if it has no Ingress.")] | None = None
    run_id: Annotated[str, doc("ULID of the current run: new at each start and resume.")] | None = None
    error: Annotated[str, doc("What is wrong, and what to do about it.")] | None = None
    conditions: Annotated[list[Condition], doc("Conditions of the session.")] | None = None
    container_counts: Annotated[ContainerCounts, doc("Readiness of the containers.")] | None = None
    init_container_counts: Annotated[ContainerCounts, doc("Progress of the init containers.")] | None = None
    idle: Annotated[bool, doc("Whether nobody seems to work in it.")] = False
    idle_since: Annotated[Timestamp, doc("Since when it has been idle; for a job, when it ended.")] | None = None
    failing_since: Annotated[Timestamp, doc("Since when it has been failed.")] | None = None
    failed_scheduling_since: Annotated[Timestamp, doc("Since when no node has had room for it.")] | None = None
    hibernated_since: Annotated[Timestamp, doc("Since when it has been paused.")] | None = None
    will_hibernate_at: Annotated[Timestamp, doc("When it will be paused automatically, if nothing changes.")] | None = (
        None
    )

    def condition(self, kind: str) -> Condition | None:
        """Return one of the conditions, or None if it is not there."""
        return next((each for each in self.conditions or () if each.type == kind), None)
