"""The sessions whose children are in `golden/`, one per file, each for what its sentence says."""

from dataclasses import dataclass

from amalthea.settings import ContainerSettings, RewriteRule
from amalthea.testing.builders import RUN_ID, SessionBuilder, session
from tests import recorded

_GIT_PROXY = {
    "name": "git-proxy",
    "image": "renku/sidecars:1",
    "env": [{"name": "PORT", "value": "1"}, {"name": "PORT", "value": "65480"}],
}


@dataclass(frozen=True)
class Case:
    """A session, and what its manifests are to show."""

    builder: SessionBuilder
    shows: str


def _recorded(name: str) -> SessionBuilder:
    """Return one of the contract's sessions, with the sidecars that it was recorded with."""
    given = recorded.load(name).given
    builder = session(name).with_spec(**given["spec"]).with_settings(sidecars_image="renku/sidecars:1")
    return builder.hibernated() if given["spec"]["hibernated"] else builder


CASES = {
    "minimal": Case(_recorded("minimal"), "No ingress, no authentication (recorded)."),
    "token": Case(_recorded("token"), "Token authentication and nearly every field at once (recorded)."),
    "oauth": Case(_recorded("oauth"), "oauth2-proxy with a configuration of the user's (recorded)."),
    "oidc": Case(_recorded("oidc"), "oauth2-proxy configured by the operator, in the internal secret (recorded)."),
    "job": Case(_recorded("job"), "A batch job: no Service, no Ingress, no authentication (recorded)."),
    "remote": Case(_recorded("remote"), "A session on another machine: controller and tunnel (recorded)."),
    "asleep": Case(_recorded("asleep"), "Hibernated: no replica, no run, no Ingress (recorded)."),
    "smallest": Case(session(), "Nothing given but the image: every default."),
    "job-suspended": Case(
        session().as_job().hibernated().with_spec(culling={"maxAge": "1.5s"}),
        "A paused job is suspended. Its deadline is in whole seconds, rounded up.",
    ),
    "openshift": Case(
        session().with_spec(serviceAccountName="lab").with_settings(openshift=True),
        "OpenShift: the deprecated serviceAccount has the service account's name too.",
    ),
    "mirror": Case(
        session()
        .with_session(image="jupyter/minimal-notebook")
        .with_extra_container({"name": "helper", "image": "jupyter/helper"})
        .with_settings(rewrite_rules=(RewriteRule("docker.io", "mirror.example.org/hub"),)),
        "The session's image is pulled from a mirror; images of other containers are as given.",
    ),
    "mirror-passed-by": Case(
        session()
        .with_session(image="jupyter/minimal-notebook")
        .with_spec(imagePullSecrets=[{"name": "pull", "adopt": True}])
        .with_settings(rewrite_rules=(RewriteRule("docker.io", "mirror.example.org/hub"),)),
        "With pull secrets the image is pulled from where the user has credentials.",
    ),
    "shm-http-root": Case(
        session().with_session(
            shmSize="2G", readinessProbe={"type": "http"}, runAsUser=0, runAsGroup=0, urlPath="/lab?token=x"
        ),
        "A large /dev/shm, readiness asked by HTTP, and a session that runs as root.",
    ),
    "no-probe": Case(session().with_session(readinessProbe={"type": "none"}), "No readiness probe."),
    "own-class": Case(
        session().with_session(storage={"className": "fast", "size": "5Gi", "mountPath": "/data"}),
        "A volume of a class, size and place of its own.",
    ),
    "volume-without-class": Case(
        session().with_session(storage={"className": "", "size": "5Gi", "mountPath": "/data"}),
        "A volume that somebody made beforehand without a class: no other may be made.",
    ),
    "fitted": Case(
        session()
        .with_token()
        .with_repository("https://git.example.org/a/b.git")
        .with_spec(extraContainers=[{"name": "git-clone-mine", "image": "x"}])
        .with_settings(
            restricted_pods=True,
            containers={
                "authproxy": ContainerSettings({"limits": {"cpu": "1", "memory": "64Mi"}}, {"runAsUser": 70000}),
                "clone": ContainerSettings({"limits": {"cpu": "1", "memory": "512Mi"}}),
            },
        ),
        "Administrators set resources of our containers, and want Pod Security restricted.",
    ),
    "default-certificate": Case(
        session().with_ingress(useDefaultClusterTLSCert=True),
        "HTTPS with the Ingress controller's own certificate: one empty tls entry.",
    ),
    "url-with-query": Case(
        session()
        .with_token()
        .with_ingress(assumeHttps=True)
        .with_session(urlPath="/sessions/demo/lab?reset#top", stripURLPath=True),
        "Only the path part of urlPath is stripped. TLS ends before the cluster: no tls entry.",
    ),
    "oidc-embedded": Case(
        session().with_oidc().with_settings(none_same_site_cookie=True),
        "oidc without Ingress, in pages of other sites: the redirect's host is the request's own.",
    ),
    "extra-mounts-of-the-proxy": Case(
        session()
        .with_oauth2_proxy()
        .with_spec(
            extraVolumes=[{"name": "ca", "configMap": {"name": "ca"}}],
            authentication={"extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ssl/certs"}]},
        ),
        "Extra mounts of the authentication go to oauth2-proxy.",
    ),
    "private-repositories": Case(
        session()
        .with_session(runAsUser=0)
        .with_repository(
            "https://git.example.org/a/one.git",
            cloningConfigSecretRef={"name": "cred-one", "key": "config"},
            configSecretRef={"name": "config-one", "key": "gitconfig"},
        )
        .with_repository(
            "git@git.example.org:a/two.git",
            clonePath="work",
            revision="v1",
            cloningConfigSecretRef={"name": "cred-two", "key": "config"},
        ),
        "Each clone sees its own credentials only; the running session's git configuration reaches the cloner.",
    ),
    "data-sources": Case(
        session()
        .with_session(workingDir="/home/me")
        .with_data_source("./data", "one")
        .with_data_source("lost", None)
        .with_data_source("/abs/", "three", accessMode="ReadWriteMany"),
        "A relative path is relative to the working directory; without a secret there is nothing to mount.",
    ),
    "duplicate-variables": Case(
        session()
        .with_env(("KIND", "a"), ("OPTIONS", "-q"), ("KIND", "b"), ("OPTIONS", "$(OPTIONS) -v"), ("LAST", "$(KIND)"))
        .with_extra_container(_GIT_PROXY)
        .with_init_container({**_GIT_PROXY, "name": "git-proxy-before"}),
        "A variable that is sent twice is written once, with its last value; references keep their meaning.",
    ),
    "remote-resources": Case(
        session()
        .remote()
        .with_env(("RSC_SERVER_PORT", "1"), ("RSC_REMOTE_KIND", "a"), ("RSC_REMOTE_KIND", "b"), ("HOME", "/h"))
        .with_session(
            image="registry.example.org/team/lab",
            shmSize="1G",
            resources={"requests": {"cpu": "1500m"}, "limits": {"memory": "1500M", "nvidia.com/gpu": 2}},
        )
        .with_data_source("data", "one"),
        "What a remote session asks for is told in whole cores, MiB and GPUs; data sources are not mounted yet.",
    ),
    "labels-and-annotations": Case(
        session()
        .with_ingress(annotations={"example.org/a": "ingress"})
        .with_spec(
            template={
                "metadata": {
                    "labels": {"team": "physics", "app.kubernetes.io/instance": "overridden"},
                    "annotations": {"example.org/a": "template", "renku.io/run_id": "overridden"},
                }
            }
        ),
        f"The operator's own labels win, the Ingress's annotations on the Ingress, and the run id is {RUN_ID}.",
    ),
}
