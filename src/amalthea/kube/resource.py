"""The API path of a kind of object, and selections of its objects."""

from dataclasses import dataclass
from urllib.parse import quote

from amalthea.kube import errors

_FORBIDDEN = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object: `Resource("apps", "v1", "statefulsets", "StatefulSet")`; the core group is ""."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The value of `apiVersion`: `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The unambiguous name, as kubectl takes it: `pods`, `pods.metrics.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def collection(self, namespace: str | None) -> str:
        """Return the path of all objects in `namespace`; None: in every one."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced and namespace is not None:
            return f"{root}/namespaces/{segment(namespace)}/{self.plural}"
        return f"{root}/{self.plural}"

    def item(self, namespace: str, name: str, subresource: str = "") -> str:
        """Return the path of one object, or of its `status`."""
        path = f"{self.collection(namespace)}/{segment(name)}"
        return f"{path}/{subresource}" if subresource else path


@dataclass(frozen=True, slots=True)
class Selection:
    """Some of the objects of a kind: by namespace (None: every one), label selector and field selector."""

    namespace: str | None = None
    labels: str = ""
    fields: str = ""

    def query(self) -> dict[str, str]:
        """Return the selectors as query parameters."""
        query = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {name: value for name, value in query.items() if value}


def segment(name: str) -> str:
    """Return a name as one path segment.

    Names come from users' specs: one such as `../secrets/x` must never lead to another object. Raise Invalid, as the
    server would.
    """
    if name in _FORBIDDEN or "/" in name or "%" in name:
        raise errors.Invalid(errors.ErrorDetails(422, "Invalid", "cannot be the name of an object"), repr(name))
    return quote(name, safe="")
