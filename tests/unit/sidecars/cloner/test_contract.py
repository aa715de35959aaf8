"""The operator's settings in a pod are those that the cloner understands: neither imports the other."""

from amalthea.children.pod import clone as build
from amalthea.sidecars.cloner import clone, doors
from amalthea.sidecars.cloner.contents import session_config
from amalthea.sidecars.main import PROGRAMS
from tests.unit.children.cases import CASES


def test_the_operators_arguments_start_the_cloner() -> None:
    containers = build.containers(CASES["private-repositories"].builder.subject())

    assert containers
    for container in containers:
        program, sub_program, *flags = container["args"]
        assert PROGRAMS[program, sub_program] == clone.__name__
        assert clone._flags(flags).remote in container["args"]


def test_both_name_the_same_variables() -> None:
    assert session_config.VARIABLE == build.SESSION_CONFIG_VARIABLE
    assert doors.VARIABLE == build.AWAITED_DOORS_VARIABLE
