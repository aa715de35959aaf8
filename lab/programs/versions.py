"""The version of each program that the lab runs: the only place where one is written as Python.

The go.mod files below `gomod/` and `requirements.txt` pin the same versions together with their hashes;
a unit test compares them with this file. How to move to other versions: `gomod/README.md`.
"""

KUBERNETES = "1.34.4"
ETCD = "3.6.5"
HELM = "3.19.5"
METRICS_SERVER = "0.8.0"
KWOK = "0.8.0"
KUBE_ROUTER = "2.1.0"
OAUTH2_PROXY = "7.15.6"
KIND = "0.33.0"
COREDNS = "1.12.1"
LOCAL_PATH_PROVISIONER = "0.0.30"
BUILDX = "0.28.0"
BUILDKIT = "0.24.0"
SYFT = "1.52.0"
GO = "1.26.6"
TRAEFIK = "3.7.15"
