"""The sessions that the admission policy must refuse, each with words of the answer."""

import yaml

from tests.chart.helm import CHART, Object
from tests.chart.installation import ACCOUNT

_DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())["admissionPolicy"]
VALUES: Object = {
    "admissionPolicy": {
        "enabled": True,
        "serviceAccounts": ["trusted"],
        "ingressHosts": ["*.localhost", "*.example.org", "one.example.com"],
        "ingressAnnotations": [*_DEFAULTS["ingressAnnotations"], "example.org/*", "nginx.org/location-snippets"],
    }
}
IMAGE = {"image": "docker.io/amalthea/probe:dev"}
NGINX = "nginx.ingress.kubernetes.io/"
HOSTNAME = "external-dns.alpha.kubernetes.io/hostname"
BAD_VOLUME = {"name": "node", "hostPath": {"path": "/"}}
BAD_CONTAINER = {**IMAGE, "name": "root", "securityContext": {"privileged": True}}
OLD: Object = {
    "session": IMAGE,
    "hibernated": False,
    "extraVolumes": [BAD_VOLUME, {"name": "share", "nfs": {"server": "files", "path": "/"}}],
    "extraContainers": [BAD_CONTAINER, {**IMAGE, "name": "free", "securityContext": {"procMount": "Unmasked"}}],
    "initContainers": [{**IMAGE, "name": "port", "ports": [{"containerPort": 80, "hostPort": 80}]}],
    "serviceAccountName": "mighty",
    "ingress": {
        "host": "bank.example.com",
        "annotations": {NGINX + "server-snippet": "return 200;", NGINX + "server-alias": "a"},
    },
    "template": {"metadata": {"annotations": {NGINX + "configuration-snippet": "return 200;", HOSTNAME: "a"}}},
}
"""Breaks every rule, and was there before the rules."""


def container(**fields: object) -> Object:
    return {**IMAGE, "name": "helper", **fields}


CAPABILITY = {"capabilities": {"add": ["NET_BIND_SERVICE", "SYS_ADMIN"]}}
HOST_PORT = [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}]

VOLUMES: Object = {
    "gitRepo": {"repository": "https://example.org/evil"},
    "flexVolume": {"driver": "example.org/any"},
    "nfs": {"server": "files.example.org", "path": "/"},
    "iscsi": {"targetPortal": "10.0.0.1", "iqn": "iqn.2001-04.com.example:disk", "lun": 0},
    "cephfs": {"monitors": ["10.0.0.1"]},
    "fc": {"targetWWNs": ["5000"], "lun": 0},
}
"""CVE-2024-10220 (gitRepo) runs programs on the node; the others reach it, or whatever server the user names."""

UNCONFINED: list[Object] = [
    {"windowsOptions": {"hostProcess": True}},
    {"procMount": "Unmasked"},
    {"seccompProfile": {"type": "Unconfined"}},
    {"appArmorProfile": {"type": "Unconfined"}},
    {"seLinuxOptions": {"type": "spc_t"}},
    {"seLinuxOptions": {"user": "system_u"}},
    {"seLinuxOptions": {"role": "system_r"}},
]

ORDERS = {
    NGINX + "server-alias": "bank.example.com",
    NGINX + "canary": "true",
    NGINX + "canary-by-header": "anything",
    NGINX + "proxy-body-size-of-others": "a key that only begins like a listed one",
    HOSTNAME: "bank.example.com",
    "haproxy-ingress.github.io/config-backend": "http-request redirect prefix https://evil.example.org",
    "traefik.ingress.kubernetes.io/router.middlewares": "others-headers@kubernetescrd",
    "nginx.org/server-alias": "bank.example.com",
    "haproxy.org/path-rewrite": "/",
    "cert-manager.io/alt-names": "bank.example.com",
    "kubernetes.io/ingress.class": "other",
    "container.apparmor.security.beta.kubernetes.io/amalthea-session": "unconfined",
}
"""Annotations by which a session gets other hosts, other names in its certificate, or less confinement."""

REFUSED: dict[str, tuple[Object, str]] = {
    "a folder of the node": (
        {"extraVolumes": [{"name": "fine", "emptyDir": {}}, BAD_VOLUME]},
        "spec.extraVolumes: the volume node is of a type that is not allowed in sessions. Use configMap, csi, down",
    ),
    **{
        f"a volume of type {kind}": ({"extraVolumes": [{"name": "far", kind: source}]}, "the volume far is of a type")
        for kind, source in VOLUMES.items()
    },
    **{
        f"a container with {next(iter(context))} {number}": (
            {"initContainers": [container(), container(name="free", securityContext=context)]},
            "the container free asks for less confinement than sessions must have. Remove windowsOptions.hostProcess",
        )
        for number, context in enumerate(UNCONFINED)
    },
    "a privileged container": (
        {"extraContainers": [container(), BAD_CONTAINER]},
        "spec.extraContainers, spec.initContainers: the container root is privileged, which is not allowed in sess",
    ),
    "a privileged init container": ({"initContainers": [BAD_CONTAINER]}, "the container root is privileged"),
    "a capability": (
        {"extraContainers": [container(securityContext=CAPABILITY)]},
        "the container helper adds capabilities, of which only NET_BIND_SERVICE is allowed in sessions. Remove the",
    ),
    "a capability of an init container": (
        {"initContainers": [container(securityContext=CAPABILITY)]},
        "the container helper adds capabilities",
    ),
    "a port of the node": (
        {"extraContainers": [container(ports=HOST_PORT)]},
        "the container helper opens a port of the node, which is not allowed in sessions. Remove hostPort from its",
    ),
    "an account that is not listed": (
        {"serviceAccountName": "mighty"},
        "spec.serviceAccountName: mighty is not allowed in sessions. Leave it out, or ask an administrator to add",
    ),
    "the operator's account": ({"serviceAccountName": ACCOUNT}, f"{ACCOUNT} is not allowed in sessions"),
    "somebody else's host": (
        {"ingress": {"host": "bank.example.com"}},
        'spec.ingress.host: "bank.example.com" is not allowed for sessions. Use an allowed host, or ask an adm',
    ),
    "a host that only ends in the same letters": ({"ingress": {"host": "notexample.org"}}, "notexample.org"),
    "the domain of listed hosts itself": ({"ingress": {"host": "example.org"}}, '"example.org" is not'),
    "all hosts at once": ({"ingress": {"host": ""}}, 'spec.ingress.host: "" is not allowed'),
    "all listed hosts at once": ({"ingress": {"host": "*.example.org"}}, '"*.example.org" is not allowed'),
    "a snippet": (
        {"ingress": {"host": "a.localhost", "annotations": {NGINX + "server-snippet": "return 200;"}}},
        "spec.ingress.annotations, spec.template.metadata.annotations: nginx.ingress.kubernetes.io/server-snippet conf",
    ),
    "a snippet by way of the template": (
        {"template": {"metadata": {"annotations": {NGINX + "configuration-snippet": "return 200;"}}}},
        "nginx.ingress.kubernetes.io/configuration-snippet configures",
    ),
    "a snippet for a controller with a prefix of its own": (
        {"ingress": {"host": "a.localhost", "annotations": {"edge.example.org/auth-snippet": "return 200;"}}},
        "edge.example.org/auth-snippet configures",
    ),
    **{
        f"{key} of the Ingress": (
            {"ingress": {"host": "a.localhost", "annotations": {NGINX + "proxy-body-size": "0", key: value}}},
            f"spec.ingress.annotations, spec.template.metadata.annotations: {key} is not allowed in sessions. Remove",
        )
        for key, value in ORDERS.items()
    },
    **{
        f"{key} of the template": (
            {"template": {"metadata": {"annotations": {"renku.io/name": "fine", key: value}}}},
            f"{key} is not allowed in sessions. Remove it, or ask an administrator to add it to",
        )
        for key, value in ORDERS.items()
    },
    "an unknown annotation of the Ingress": (
        {"ingress": {"host": "a.localhost", "annotations": {"edge.example.com/alias": "bank.example.com"}}},
        "edge.example.com/alias is not allowed in sessions",
    ),
    "snippets of NGINX's own controller, although they are listed": (
        {"ingress": {"host": "a.localhost", "annotations": {"nginx.org/location-snippets": "return 200;"}}},
        "nginx.org/location-snippets configures",
    ),
}

NEW_IN_OLD: dict[str, tuple[Object, str]] = {
    "another folder": (
        {"extraVolumes": [BAD_VOLUME, {"name": "more", "hostPath": {"path": "/etc"}}]},
        "the volume more is of a type",
    ),
    "another server in the same volume": (
        {"extraVolumes": [{"name": "share", "nfs": {"server": "bank", "path": "/"}}]},
        "the volume share is of a type",
    ),
    "another alias": (
        {"ingress": {"annotations": {NGINX + "server-alias": "bank.example.com"}}},
        "server-alias is not allowed",
    ),
    "another hostname of the template": (
        {"template": {"metadata": {"annotations": {HOSTNAME: "bank.example.com"}}}},
        "external-dns.alpha.kubernetes.io/hostname is not allowed",
    ),
    "another image in the privileged container": (
        {"extraContainers": [{**BAD_CONTAINER, "image": "docker.io/amalthea/probe:evil"}]},
        "the container root is privileged",
    ),
    "another account": ({"serviceAccountName": ACCOUNT}, f"{ACCOUNT} is not allowed"),
    "another snippet": (
        {"ingress": {"annotations": {NGINX + "server-snippet": "return 500;"}}},
        "server-snippet configures the ingress controller",
    ),
}
