"""An impossible spec must neither crash the operator nor be retried forever: it is reported, with field and remedy."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amalthea.model.validation import problems
from amalthea.testing.builders import SessionBuilder, session

SOURCE = session().with_data_source("/data", "ds1")
LONG = "a" * 52
SECOND = "spec.codeRepositories[1]:"
ANOTHER_PATH = "create the session again with another clonePath."
FINE = {
    "the smallest": session(),
    "all kinds of things": session().with_token().with_ingress().with_repository("https://git.example.org/a.git"),
    "the longest name": session(LONG),
    "a hyphen and digits": session("a-1-b"),
    "no urlPath": session().with_session(urlPath=""),
    "a urlPath with query and fragment": session().with_session(urlPath="/lab?token=a/../b&c=//d#e/./f"),
    "a urlPath with dots in its names": session().with_session(urlPath="/lab/.hidden/..b/c."),
    "a urlPath with escapes": session().with_session(urlPath="/lab/a%20b"),
    "a urlPath that is a name": session().with_session(urlPath="lab"),
    "a urlPath that is a query": session().with_session(urlPath="?path=a b"),
    "a urlPath with a blank": session().with_session(urlPath="/lab/tree/My Notebook.ipynb"),
    "a relative mount path": session().with_session(storage={"mountPath": "work"}),
    "sizes in every form": session().with_session(
        shmSize="1.5G", storage={"size": 10}, resources={"requests": {"cpu": "1e-1"}, "limits": {"nvidia.com/gpu": 1}}
    ),
    "no limits": session().with_session(resources={}),
    "durations in every form": session().with_spec(
        culling={"maxAge": "0", "maxIdleDuration": "2h45m", "maxFailedDuration": "1.5h", "cpuIdleThreshold": 0}
    ),
    "one repository twice": session()
    .with_repository("https://git.example.org/a/x.git")
    .with_repository("https://git.example.org/a/x"),
    "one repository twice, at two revisions": session()
    .with_repository("https://git.example.org/a/x.git", revision="v1")
    .with_repository("https://git.example.org/a/x", revision="v2"),
    "two repositories of one name in two folders": session()
    .with_repository("https://git.example.org/a/x.git")
    .with_repository("https://git.example.org/b/x.git", clonePath="b"),
    "a repository inside one that is cloned before it": session()
    .with_repository("https://git.example.org/a/analysis.git")
    .with_repository("https://git.example.org/a/lib.git", clonePath="analysis"),
    "a repository beside one whose name begins alike": session()
    .with_repository("https://git.example.org/a/lib.git", clonePath="analysis-2")
    .with_repository("https://git.example.org/a/analysis.git"),
    "oidc needs no key": session().with_oidc(),
    "no key, but nobody checks": session().with_spec(
        authentication={"enabled": False, "type": "token", "secretRef": {"name": "door"}}
    ),
    "a job that nobody opens": session("9-lives")
    .as_job()
    .with_session(urlPath="lab")
    .with_spec(
        authentication={"type": "token", "secretRef": {"name": "door"}}, ingress={"host": "", "pathPrefix": "x"}
    ),
    "a job with a long name": session("a" * 63).as_job(),
    "a remote session mounts nothing": session(LONG).remote().with_data_source("/data", None, accessMode="Whatever"),
}


@pytest.mark.parametrize("builder", FINE.values(), ids=FINE)
def test_a_spec_that_works_is_not_refused(builder: SessionBuilder) -> None:
    assert problems(builder.name, builder.subject().spec) == ()


REFUSED = {
    "two repositories in one folder": (
        session()
        .with_repository("https://git.example.org/alice/analysis.git")
        .with_repository("https://git.example.org/bob/analysis"),
        f"{SECOND} is to be cloned into the folder analysis, as spec.codeRepositories[0] is; {ANOTHER_PATH}",
    ),
    "two repositories of one name, which stands before a query": (
        session()
        .with_repository("https://git.example.org/a/x.git?y=1")
        .with_repository("https://git.example.org/b/x#main"),
        f"{SECOND} is to be cloned into the folder x, as spec.codeRepositories[0] is; {ANOTHER_PATH}",
    ),
    "two repositories in one folder that is written in two ways": (
        session()
        .with_repository("git@git.example.org:a/x.git", clonePath="code/")
        .with_repository("https://git.example.org/b/x/", clonePath="./code/y/.."),
        f"{SECOND} is to be cloned into the folder code/x, as spec.codeRepositories[0] is; {ANOTHER_PATH}",
    ),
    "two repositories in one folder, once from the root": (
        session()
        .with_repository("https://git.example.org/a/x.git", clonePath="/code")
        .with_repository("https://git.example.org/b/x.git", clonePath="code"),
        f"{SECOND} is to be cloned into the folder code/x, as spec.codeRepositories[0] is; {ANOTHER_PATH}",
    ),
    "a repository around one that is cloned before it": (
        session()
        .with_repository("https://git.example.org/a/lib.git", clonePath="analysis/libs")
        .with_repository("https://git.example.org/a/analysis.git"),
        (
            f"{SECOND} is to be cloned into the folder analysis, and spec.codeRepositories[0] before it into a folder "
            "of that; create the session again with the two swapped."
        ),
    ),
    "a name too long for a StatefulSet": (
        session("a" * 53),
        "metadata.name: has 53 characters; create the session again with at most 52.",
    ),
    "a name too long for a job": (
        session("a" * 64).as_job(),
        "metadata.name: has 64 characters; create the session again with at most 63.",
    ),
    "a name that begins with a digit": (
        session("1st"),
        (
            "metadata.name: names a Service, so it must begin with a letter and contain only lower-case letters, "
            "digits and hyphens; create the session again with such a name."
        ),
    ),
    "a name with a dot": (session("my.lab"), "metadata.name: names a Service"),
    "a job's name with a dot, and data sources": (
        session("my.job").as_job().with_data_source("/data", "ds1"),
        (
            "metadata.name: names the volumes of its data sources, so it must hold no dot; create the session anew with"
            " such a name."
        ),
    ),
    "a name too long for its data sources": (
        session("a" * 50).with_data_source("/data", "ds1"),
        "metadata.name: is too long for its data sources, whose volumes are named like amalthea-"
        + "a" * 50
        + "-ds-0; create the session again with a name of at most 49 characters.",
    ),
    "no image": (session().with_session(image=" "), "spec.session.image: is empty; name an image."),
    "a urlPath that is a URL": (
        session().with_session(urlPath="https://evil.org/"),
        "spec.session.urlPath: is 'https://evil.org/', which is not a path; begin it with one slash.",
    ),
    "a urlPath that is a host": (session().with_session(urlPath="//evil.example.org/"), "spec.session.urlPath: is"),
    "a urlPath that no parser reads": (session().with_session(urlPath="//[::1"), "spec.session.urlPath: is"),
    "a urlPath that climbs": (
        session().with_session(urlPath="/lab/../admin"),
        "spec.session.urlPath: is '/lab/../admin'; leave out dot segments.",
    ),
    "a urlPath that begins by climbing": (session().with_session(urlPath="../admin"), "spec.session.urlPath: is"),
    "a urlPath that ends in a dot": (session().with_session(urlPath="/lab/."), "spec.session.urlPath: is"),
    "a malformed size": (
        session().with_session(storage={"size": "1e1.5"}),
        "spec.session.storage.size: '1e1.5' is not a quantity: write",
    ),
    "no size at all": (
        session().with_session(storage={"size": "0"}),
        "spec.session.storage.size: is 0; write a size greater than zero, such as 10Gi.",
    ),
    "a negative size": (session().with_session(shmSize="-1Gi"), "spec.session.shmSize: is -1Gi; write a size"),
    "a malformed request": (
        session().with_session(resources={"requests": {"memory": "1 GB"}}),
        "spec.session.resources.requests[memory]: '1 GB' is not a quantity",
    ),
    "a malformed limit": (
        session().with_session(resources={"limits": {"cpu": "two"}}),
        "spec.session.resources.limits[cpu]: 'two' is not a quantity",
    ),
    "a relative path prefix": (
        session().with_spec(ingress={"host": "lab.example.org", "pathPrefix": "demo"}),
        "spec.ingress.pathPrefix: is 'demo'; begin it with a slash.",
    ),
    "no host": (session().with_ingress(host=""), "spec.ingress.host: is empty; name the host that users open."),
    "a token without a key": (
        session().with_token(key=""),
        (
            'spec.authentication.secretRef.key: is missing; name the key of secret "door" that holds the '
            "configuration, which token authentication needs."
        ),
    ),
    "oauth2proxy without a key": (session().with_oauth2_proxy(key=""), "spec.authentication.secretRef.key: is"),
    "a data source without a secret": (
        SOURCE.with_data_source("/more", None),
        "spec.dataSources[1].secretRef: is missing; name the secret that configures the source.",
    ),
    "a data source with a made-up mode": (
        session().with_data_source("/data", "ds1", accessMode="ReadMostly"),
        (
            "spec.dataSources[0].accessMode: is 'ReadMostly'; write ReadOnlyMany, ReadWriteOnce, ReadWriteMany or "
            "ReadWriteOncePod."
        ),
    ),
    "a duration in days": (
        session().with_spec(culling={"maxIdleDuration": "2 days"}),
        "spec.culling.maxIdleDuration: '2 days' is not a duration: write",
    ),
    "a malformed threshold": (
        session().with_spec(culling={"cpuIdleThreshold": "10%"}),
        "spec.culling.cpuIdleThreshold: '10%' is not a quantity",
    ),
}


@pytest.mark.parametrize(("builder", "beginning"), REFUSED.values(), ids=REFUSED)
def test_an_impossible_spec_is_refused_with_field_and_remedy(builder: SessionBuilder, beginning: str) -> None:
    (problem,) = map(str, problems(builder.name, builder.subject().spec))

    assert problem.startswith(beginning)
    assert problem.endswith(".")
    assert ".." not in problem.replace(builder.raw["session"].get("urlPath", "-"), "")


def test_every_problem_is_named_at_once() -> None:
    builder = session("1st").with_session(urlPath="//lab", shmSize="much").with_token(key="")

    assert [problem.field for problem in problems(builder.name, builder.subject().spec)] == [
        "metadata.name",
        "spec.session.urlPath",
        "spec.session.shmSize",
        "spec.authentication.secretRef.key",
    ]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text("/[]:@?#.%\\\t lab", max_size=12))
def test_no_text_that_somebody_writes_crashes_the_check(text: str) -> None:
    builder = session().with_session(urlPath=text, shmSize=text).with_spec(culling={"maxAge": text})

    refused = {problem.field for problem in problems("demo", builder.subject().spec)}

    assert {"spec.session.shmSize", "spec.culling.maxAge"} <= refused


@pytest.mark.parametrize(
    ("named", "operators", "refused"),
    [
        ("amalthea", "amalthea", True),
        (None, "default", True),
        ("", "default", True),
        ("default", "default", True),
        ("lab", "amalthea", False),
        (None, "amalthea", False),
        ("amalthea", None, False),
        (None, None, False),
    ],
)
def test_no_session_runs_with_the_rights_of_the_operator(
    named: str | None, operators: str | None, refused: bool
) -> None:
    found = problems("demo", session().with_spec(serviceAccountName=named).subject().spec, operators)
    assert [each.field for each in found] == (["spec.serviceAccountName"] if refused else [])
    assert all("name another one" in each.remedy and str(operators) in each.remedy for each in found)
