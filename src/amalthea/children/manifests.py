"""All children of a session, and which kinds of session have which: the module to read first."""

from amalthea.api.schema import Manifest
from amalthea.children import claims, ingress, job, secret, service, statefulset
from amalthea.children.secret import Material, material_from
from amalthea.children.shared.limits import bounded
from amalthea.children.shared.subject import Subject, subject_of
from amalthea.model.views.observed import Observed
from amalthea.settings import BuildSettings


def children(subject: Subject, material: Material) -> list[Manifest]:
    """Return the manifests of all children that the session is to have, in the order to create them in.

    What the pod needs comes before the workload that makes it. A hibernated session keeps all but its Ingress, and its
    workload has no pod. The spec is taken for validated: see `model/validation.py`.

    Raises:
        TooLargeError: they are larger than one session may cost (`limits.py`).
    """
    return bounded(_all(subject, material))


def manifests(observed: Observed, run_id: str | None, settings: BuildSettings, drawn: Material) -> list[Manifest]:
    """Return the manifests of a session with a valid spec, with the secrets that it has or, at first, `drawn`.

    Raises:
        TooLargeError: as `children` does.
    """
    secret_data = observed.secret.data if observed.secret is not None and observed.owns(observed.secret) else None
    return children(subject_of(observed, run_id, settings), material_from(secret_data, drawn))


def _all(subject: Subject, material: Material) -> list[Manifest]:
    storage = [claims.session_claim(subject), *claims.data_source_claims(subject)]
    internal_secret = secret.internal_secret(subject, material)
    if not subject.interactive:
        return [*storage, internal_secret, job.job(subject)]
    return [
        *storage,
        internal_secret,
        service.service(subject),
        *_ingresses(subject),
        statefulset.statefulset(subject),
    ]


def _ingresses(subject: Subject) -> list[Manifest]:
    wanted = subject.spec.ingress
    return [] if wanted is None or subject.spec.hibernated else [ingress.ingress(subject, wanted)]
