"""The pages of docs/reference, from the code itself: the fields of a session, its conditions, the operator's metrics.

`python -m tests.support.reference` (`make reference`) writes them; a test proves that they are up to date.
"""

import ast
import inspect
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec.inspect import Field, ListType, Metadata, StructType, Type, UnionType, type_info
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from amalthea.api import crd, names, types
from amalthea.api.event_reasons import EventReason
from amalthea.api.reasons import Cause, ConditionType, Failure, Reason, Step
from amalthea.api.schema import Manifest
from amalthea.cli.compose.remedies import REMEDIES, remedies
from amalthea.cli.compose.situation import Situation
from amalthea.cli.read.snapshot import PodDetails, SessionSnapshot
from amalthea.model.status.milestones import UNKNOWN
from amalthea.operator.kinds import WATCHED
from amalthea.operator.telemetry.metrics import STATES, OperatorMetrics, SessionRow, exposition
from amalthea.testing import observations as found

_TIMES = ("idle_seconds", "failing_seconds", "hibernated_seconds", "failed_scheduling_seconds", "will_hibernate_at")
FOLDER = Path(__file__).parents[2] / "docs/reference"
_NOTE = "<!-- Written by `make reference` from {source}: change it there. -->\n\n"

_SPEC = """\
# The fields of a session

`kubectl explain ams.spec` shows the same in a terminal. A field that is not required and has no default can be absent.
A duration is written as `2h45m`, a quantity as `300m` or `1Gi`, a time as `2026-01-31T12:00:00Z`. Fields below those
of the type "as in Kubernetes" are explained in the documentation of Kubernetes.
"""
_CONDITIONS = """\
# Conditions and Events of a session

Programs may branch on these words: none of them gets a new meaning. The message of each condition names the cause and
the next step in words for people. The remedies are those that `amalthea explain` gives for a failed session `demo`
whose container waits for its next start: `--previous` shows the log of the one that ended. `CONTAINER` stands for the
container that the message names. `demo-0` is the pod of a session; a job's pod has another name, which
`kubectl get pods -l {label}=demo` shows.
"""
_METRICS = """\
# Metrics of the operator

Each replica serves them at `/metrics`, together with the `process_…` metrics of its process. A counter's name ends with
`_total`; a histogram has the series `…_bucket`, `…_sum` and `…_count`. These gauges have such a name, too, as
in the Go operator: {gauges}.
"""
_LABELS = {
    "cause": "A reason of `Stopped` or `DeletingSoon` ([Conditions](conditions.md)), or `{unknown}`.",
    "code": "The HTTP status of the answer; `0` if there was no whole answer.",
    "kind": "{kinds}.",
    "reason": "A reason of `Healthy`, `Accepted` or `ChildrenInPlace` ([Conditions](conditions.md)), or `{unknown}`.",
    "state": "{states}.",
}
"""The values of the labels that take more than those which are there from the start on."""
_DEFECT = str(Reason.INTERNAL_ERROR)
_FORMATS = {"duration": "duration", "date-time": "time"}


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {"spec.md": _spec(), "conditions.md": _conditions(), "metrics.md": _metrics()}


def _spec() -> str:
    (version,) = crd.manifest()["spec"]["versions"]
    root = version["schema"]["openAPIV3Schema"]["properties"]
    parts = [_NOTE.format(source="src/amalthea/api/types.py") + _SPEC]
    for name, struct in (("spec", types.Spec), ("status", types.Status)):
        info = type_info(struct)
        assert isinstance(info, StructType)
        rows = _table(("Field", "Type", "Default", "Meaning"), _fields(info, root[name], name))
        parts.append(f"## {name}\n\n{inspect.getdoc(struct)}\n\n{rows}")
    return "\n".join(parts)


def _fields(struct: StructType, schema: Manifest, path: str) -> Iterator[tuple[str, ...]]:
    """Yield the row of each field, the fields below it behind it."""
    for field in struct.fields:
        name, of_field = field.encode_name, schema["properties"][field.encode_name]
        required = name in schema.get("required", ())
        yield f"`{path}.{name}`", _type(of_field, field), _default(of_field, required=required), _meaning(of_field)
        below, several = _below(field.type)
        if below is not None:
            items = of_field["items"] if several else of_field
            yield from _fields(below, items, f"{path}.{name}[]" if several else f"{path}.{name}")


def _below(type_: Type) -> tuple[StructType | None, bool]:
    """Return the project's own type whose fields are below a field, and whether the field is a list of them."""
    match type_:
        case Metadata():
            return _below(type_.type)
        case UnionType(types=(only, _)):
            return _below(only)
        case ListType(item_type=item):
            return _below(item)[0], True
        case StructType():
            return type_, False
    return None, False


def _type(schema: Manifest, field: Field) -> str:
    if _embedded(field.type):
        return "list, as in Kubernetes" if schema["type"] == "array" else "as in Kubernetes"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "quantity"
    if schema.get("type") == "array":
        return f"list of {schema['items']['type']}s"
    if "additionalProperties" in schema:
        return "map of strings"
    return f"{_FORMATS.get(schema.get('format', ''), schema['type'])}{_bounds(schema)}"


def _embedded(type_: Type) -> bool:
    match type_:
        case Metadata():
            return "embedded" in (type_.extra or {}) or _embedded(type_.type)
        case UnionType(types=(only, _)):
            return _embedded(only)
    return False


def _bounds(schema: Manifest) -> str:
    least, most = (schema.get(key) for key in ("minimum", "maximum"))
    above, below = schema.get("exclusiveMinimum", False), schema.get("exclusiveMaximum", False)
    bounds = [f"at least {least + above}"] if least is not None else []
    bounds += [f"at most {most - below}"] if most is not None else []
    return f", {', '.join(bounds)}" if bounds else ""


def _default(schema: Manifest, *, required: bool) -> str:
    if "default" in schema:  # the API server fills it in before it looks for what is required
        return f"`{msgspec.json.encode(schema['default']).decode()}`"
    return "required" if required else ""


def _meaning(schema: Manifest) -> str:
    fixed = " This field cannot be changed." if "x-kubernetes-validations" in schema else ""
    return f"{schema['description']}{fixed}"


def _conditions() -> str:
    sections = (
        ("Conditions", ConditionType),
        ("Reasons of Healthy", Failure),
        ("Reasons of Progressing", Step),
        ("Reasons of StoppingSoon, DeletingSoon and Stopped", Cause),
        ("Reasons of the other conditions", Reason),
        ("Reasons of Events", EventReason),
    )
    note = _NOTE.format(source="src/amalthea/api and src/amalthea/cli/compose/remedies.py")
    parts = [note + _CONDITIONS.format(label=names.LABEL_INSTANCE)]
    for title, vocabulary in sections:
        parts.append(f"## {title}\n\n{inspect.getdoc(vocabulary)}\n\n{_words(vocabulary)}")
    return "\n".join(parts)


def _words(vocabulary: type[StrEnum]) -> str:
    meanings = sentences(vocabulary)
    if vocabulary is Failure:  # the only reason of Healthy that says nothing about the session itself
        meanings[_DEFECT] = sentences(Reason)[_DEFECT]
    elif vocabulary is Reason:
        del meanings[_DEFECT]
    cured = any(word in REMEDIES for word in meanings)
    rows = ((f"`{word}`", meaning, *([_remedy(word)] if cured else [])) for word, meaning in meanings.items())
    return _table(("Word", "Meaning", *(["What to do"] if cured else [])), rows)


def sentences(vocabulary: type[StrEnum]) -> dict[str, str]:
    """Return the sentence of each word, which stands below it in the source."""
    (body,) = ast.parse(inspect.getsource(vocabulary)).body
    assert isinstance(body, ast.ClassDef)
    texts = [ast.literal_eval(each.value) for each in body.body if isinstance(each, ast.Expr)]
    return dict(zip(map(str, vocabulary), texts[1:], strict=True))


def _remedy(word: str) -> str:
    """Return what `amalthea explain` advises where a condition of a failed session has this reason."""
    kind = ConditionType.HEALTHY if word in {*Failure, _DEFECT} else ConditionType.CHILDREN_IN_PLACE
    status = {"state": "Failed", "conditions": [{"type": kind, "status": "False", "reason": word, "message": ""}]}
    pod = found.pod(found.container(state=found.waiting("CrashLoopBackOff"), last=found.terminated(1)))
    snapshot = SessionSnapshot(
        found.observed(None, found.statefulset(), pod, status=status), pod=msgspec.convert(pod, PodDetails)
    )
    at = Situation(snapshot, "kubectl", (), datetime.min.replace(tzinfo=UTC))
    texts = (f"{each.text} `{each.command}`" if each.command else each.text for each in remedies(at))
    return " ".join(texts).replace(names.CONTAINER_SESSION, "CONTAINER")


def _metrics() -> str:
    registry = CollectorRegistry()
    instruments = [each for each in vars(OperatorMetrics(registry)).values() if isinstance(each, MetricWrapperBase)]
    rows = [_metric(family, each._labelnames) for each in instruments for family in each.describe()]
    row = SessionRow("", "", "", idle=False, ready=0, total=0, **dict.fromkeys(_TIMES, 0.0))
    for family in text_string_to_metric_families("".join(exposition([row]))):
        labels = dict.fromkeys(label for sample in family.samples for label in sample.labels)
        rows.append(_metric(family, labels))
    table = _table(("Metric", "Type", "Labels", "Meaning"), sorted(rows))
    text = _METRICS.format(gauges=" and ".join(row[0] for row in rows if row[1] == "gauge" and "_total`" in row[0]))
    values = _table(("Label", "Metric", "Values"), sorted(_values(instruments)))
    note = _NOTE.format(source="src/amalthea/operator/telemetry/metrics.py")
    return f"{note}{text}\n{table}\n## Values of labels\n\n{values}"


def _values(instruments: Iterable[MetricWrapperBase]) -> Iterator[tuple[str, str, str]]:
    """Yield the row of each label whose values are known: those of the series that there are from the start on."""
    for each in instruments:
        (family,) = each.collect()
        for label in each._labelnames:
            there = _listed(dict.fromkeys(sample.labels[label] for sample in family.samples))
            if there:
                yield f"`{label}`", _metric(family, ())[0], f"{there}."
    kinds = _listed(each.resource.plural for each in WATCHED.values())
    known = {"kinds": kinds, "states": _listed(STATES), "unknown": UNKNOWN}
    for label, text in _LABELS.items():
        yield f"`{label}`", "all", text.format(**known)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _metric(family: Metric, labels: Iterable[str]) -> tuple[str, ...]:
    total = "_total" if family.type == "counter" else ""
    return f"`{family.name}{total}`", family.type, ", ".join(f"`{label}`" for label in labels), family.documentation


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
