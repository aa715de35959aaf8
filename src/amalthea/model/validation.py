"""Validation of a spec beyond the CRD: what it can ask for but cannot get. Done before any child is created.

Each problem names the field and the remedy: it is shown as it is, in the condition `Accepted`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from amalthea.api import durations, names, quantities
from amalthea.api.types import Authentication, Culling, Spec
from amalthea.model import repositories

V = TypeVar("V")

_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_MAX_STATEFULSET_NAME = 52
"""The StatefulSet controller writes name, hyphen and a revision hash of ten characters into a label of at most 63."""
_MAX_LABEL = 63
_DEFAULT_ACCOUNT = "default"
"""The service account of a pod that names none."""
_LARGEST_SPEC = 512 << 10
"""Bytes of JSON. All that one session makes is rebuilt in each pass, beside all others'."""
_MOST_VALUES = 20_000
"""Values in a spec: the time that a pass takes goes by them."""
_MOST_RESOURCES = 100
"""Resources that a container asks for, or is limited to."""
_MOST = {"dataSources": 100, "codeRepositories": 100, "initContainers": 64, "extraContainers": 64}
"""Entries: each of the first is a claim, each of the others a container."""


@dataclass(frozen=True)
class InvalidField:
    """A field that cannot be used, and what to write instead."""

    field: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.remedy}"


def too_large(raw_spec: bytes) -> tuple[InvalidField, ...]:
    """Return the problem of a spec, as JSON, that is larger than one session may cost."""
    size, most = len(raw_spec) >> 10, _LARGEST_SPEC >> 10
    if len(raw_spec) > _LARGEST_SPEC:
        said = f"is {size} KiB long, and at most {most} KiB are allowed; read long values from a ConfigMap."
        return (InvalidField("spec", said),)
    values = max(raw_spec.count(b'":'), raw_spec.count(b'","'))  # members, entries; those in texts count, too
    if values > _MOST_VALUES:
        said = f"contains {values} values, and at most {_MOST_VALUES} are allowed; read long lists from a ConfigMap."
        return (InvalidField("spec", said),)
    return ()


def problems(name: str, spec: Spec, operators_account: str | None = None) -> tuple[InvalidField, ...]:
    """Return all that is wrong with a session, in the order of the spec.

    `operators_account` is the name of the operator's service account, if that is one of the session's namespace.
    """
    return (
        *_counts(spec),
        *_name(name, spec),
        *_session(spec),
        *_ingress(spec),
        *_authentication(spec.session_type, spec.authentication),
        *_data_sources(spec),
        *_repositories(spec),
        *_culling(spec.culling),
        *_service_account(spec, operators_account),
    )


def _counts(spec: Spec) -> Iterator[InvalidField]:
    lists = {
        "dataSources": spec.data_sources,
        "codeRepositories": spec.code_repositories,
        "initContainers": spec.init_containers,
        "extraContainers": spec.extra_containers,
    }
    for field, entries in lists.items():
        if len(entries or ()) > _MOST[field]:
            yield InvalidField(
                f"spec.{field}", f"has {len(entries or ())} entries; a session can have at most {_MOST[field]}."
            )


def _name(name: str, spec: Spec) -> Iterator[InvalidField]:
    limit = _MAX_STATEFULSET_NAME if spec.session_type == "Interactive" else _MAX_LABEL
    if len(name) > limit:
        yield InvalidField(
            "metadata.name",
            f"has {len(name)} characters; create the session again with at most {limit}.",
        )
    if spec.session_type == "Interactive" and not _DNS_1035.fullmatch(name):
        yield InvalidField(
            "metadata.name",
            "names a Service, so it must begin with a letter and contain only lower-case letters, digits and hyphens; "
            "create the session again with such a name.",
        )
    yield from _data_source_names(name, spec)


def _data_source_names(name: str, spec: Spec) -> Iterator[InvalidField]:
    if spec.location == "remote" or not spec.data_sources:
        return
    if "." in name:
        yield InvalidField(
            "metadata.name",
            "names the volumes of its data sources, so it must hold no dot; create the session anew with such a name.",
        )
    longest = names.data_source_claim(name, len(spec.data_sources) - 1)
    if len(longest) > _MAX_LABEL:
        yield InvalidField(
            "metadata.name",
            f"is too long for its data sources, whose volumes are named like {longest}; create the session again with "
            f"a name of at most {len(name) - len(longest) + _MAX_LABEL} characters.",
        )


def _session(spec: Spec) -> Iterator[InvalidField]:
    session = spec.session
    if not session.image.strip():
        yield InvalidField("spec.session.image", "is empty; name an image.")
    if spec.session_type == "Interactive":
        yield from _url_path(session.url_path)
    yield from _checked("spec.session.storage.size", session.storage.size, _positive_quantity)
    if session.shm_size is not None:
        yield from _checked("spec.session.shmSize", session.shm_size, _positive_quantity)
    resources = session.resources or {}
    for section in ("requests", "limits"):
        amounts = resources.get(section) or {}
        if len(amounts) > _MOST_RESOURCES:
            said = f"has {len(amounts)} entries; a session can have at most {_MOST_RESOURCES}."
            yield InvalidField(f"spec.session.resources.{section}", said)
            continue
        for resource, amount in amounts.items():
            yield from _checked(f"spec.session.resources.{section}[{resource}]", amount, quantities.parse)


def _url_path(text: str) -> Iterator[InvalidField]:
    """Refuse what would open elsewhere. A missing slash and blanks do not: see `children/shared/url.py`."""
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    if path.startswith("//") or "://" in path:
        yield InvalidField("spec.session.urlPath", f"is {text!r}, which is not a path; begin it with one slash.")
    elif re.search(r"(^|/)\.\.?(/|$)", path):
        yield InvalidField("spec.session.urlPath", f"is {text!r}; leave out dot segments.")


def _ingress(spec: Spec) -> Iterator[InvalidField]:
    if spec.ingress is None or spec.session_type != "Interactive":
        return
    if not spec.ingress.path_prefix.startswith("/"):
        yield InvalidField("spec.ingress.pathPrefix", f"is {spec.ingress.path_prefix!r}; begin it with a slash.")
    if not spec.ingress.host:
        yield InvalidField("spec.ingress.host", "is empty; name the host that users open.")


def _service_account(spec: Spec, operators_account: str | None) -> Iterator[InvalidField]:
    """Refuse the operator's own service account: the pod could mount its token, and read every secret there is."""
    if operators_account is None or (spec.service_account_name or _DEFAULT_ACCOUNT) != operators_account:
        return
    said = (
        f"is {operators_account!r}" if spec.service_account_name else f"is not set, which means {operators_account!r}"
    )
    yield InvalidField(
        "spec.serviceAccountName",
        f"{said}: the operator runs as this service account, and a session would have its rights; name another one.",
    )


def _authentication(session_type: str, authentication: Authentication | None) -> Iterator[InvalidField]:
    if session_type != "Interactive" or authentication is None or not authentication.enabled:
        return
    if authentication.type in ("token", "oauth2proxy") and not authentication.secret_ref.key:
        yield InvalidField(
            "spec.authentication.secretRef.key",
            f'is missing; name the key of secret "{authentication.secret_ref.name}" that holds the configuration, '
            f"which {authentication.type} authentication needs.",
        )


def _data_sources(spec: Spec) -> Iterator[InvalidField]:
    if spec.location == "remote":  # mounts none
        return
    for index, source in enumerate(spec.data_sources or ()):
        field = f"spec.dataSources[{index}]"
        if source.secret_ref is None:
            yield InvalidField(f"{field}.secretRef", "is missing; name the secret that configures the source.")
        if source.access_mode not in ("ReadOnlyMany", "ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"):
            yield InvalidField(
                f"{field}.accessMode",
                f"is {source.access_mode!r}; write ReadOnlyMany, ReadWriteOnce, ReadWriteMany or ReadWriteOncePod.",
            )


def _repositories(spec: Spec) -> Iterator[InvalidField]:
    """Refuse a folder that another repository has, or is in: the later one would be left out.

    One that is listed twice is allowed.
    """
    earlier: dict[str, repositories.Place] = {}
    for place in repositories.places(spec):
        other = earlier.setdefault(place.folder, place)
        inside = next((before for taken, before in earlier.items() if taken.startswith(f"{place.folder}/")), None)
        if other.address != place.address:
            remedy = f"as {other} is; create the session again with another clonePath."
        elif inside is not None and other is place:
            remedy = f"and {inside} before it into a folder of that; create the session again with the two swapped."
        else:
            continue
        yield InvalidField(str(place), f"is to be cloned into the folder {place.folder}, {remedy}")


def _culling(culling: Culling | None) -> Iterator[InvalidField]:
    if culling is None:
        return
    limits = {
        "maxAge": culling.max_age,
        "maxIdleDuration": culling.max_idle_duration,
        "maxStartingDuration": culling.max_starting_duration,
        "maxFailedDuration": culling.max_failed_duration,
        "maxHibernatedDuration": culling.max_hibernated_duration,
    }
    for field, text in limits.items():
        if text is not None:
            yield from _checked(f"spec.culling.{field}", text, durations.parse)
    yield from _checked("spec.culling.cpuIdleThreshold", culling.cpu_idle_threshold, quantities.parse)


def _positive_quantity(value: int | str) -> None:
    if quantities.parse(value) <= 0:
        raise ValueError(f"is {value}; write a size greater than zero, such as 10Gi.")


def _checked(field: str, value: V, check: Callable[[V], object]) -> Iterator[InvalidField]:
    try:
        check(value)
    except ValueError as error:
        yield InvalidField(field, str(error))
