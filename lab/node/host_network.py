"""The full node's changes to the host's network and kernel settings, and how all of them are undone.

A device carries the node's address; three rules let pods reach the world; kube-proxy adds chains of its own.
`restore` undoes everything, whichever run made it and however the node ended.
"""

import json
import re
import subprocess
from pathlib import Path

from lab.base.system import MachineError
from lab.node.layout import DEVICE, LAB_RANGE, NODE_ADDRESS, POD_RANGE, SERVICE_RANGE

SYSCTLS = Path("/proc/sys")
CHANGED_SETTINGS = (
    "net/ipv4/ip_forward",
    # The kubelet sets these at its start.
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)

_COMMENT = ("--match", "comment", "--comment", DEVICE)
_RESET = ("--jump", "REJECT", "--reject-with", "tcp-reset")
_RULES = (
    ("nat", "POSTROUTING", ("--source", POD_RANGE, "!", "--destination", LAB_RANGE, *_COMMENT, "--jump", "MASQUERADE")),
    # Where an engine such as Docker runs, it has forwarding refused by default.
    ("filter", "FORWARD", ("--source", POD_RANGE, *_COMMENT, "--jump", "ACCEPT")),
    ("filter", "FORWARD", ("--destination", POD_RANGE, *_COMMENT, "--jump", "ACCEPT")),
    # What is sent to a Service before kube-proxy knows it would leave the machine, and be answered by whoever is there.
    *(
        ("filter", chain, ("--destination", SERVICE_RANGE, "--protocol", "tcp", *_COMMENT, *_RESET))
        for chain in ("OUTPUT", "FORWARD")
    ),
)
_IP_VERSIONS = ("iptables", "ip6tables")


class NetworkError(MachineError):
    """A command on the host's network that failed; the text says which, and what it said."""


def prepare(saved: Path) -> None:
    """Make the device and the rules and allow forwarding; the former settings are kept in the file `saved`."""
    if not saved.exists():
        saved.write_text(json.dumps({name: (SYSCTLS / name).read_text().strip() for name in CHANGED_SETTINGS}))
    _remove_device()
    _run("ip", "link", "add", DEVICE, "type", "bridge")
    _run("ip", "address", "add", f"{NODE_ADDRESS}/32", "dev", DEVICE)
    _run("ip", "link", "set", DEVICE, "up")
    (SYSCTLS / "net/ipv4/ip_forward").write_text("1")
    _remove_chains()
    for table, chain, rule in _RULES:
        _run("iptables", "--wait", "--table", table, "--insert", chain, *rule)


def restore(saved: Path) -> None:
    """Undo `prepare` and what kube-proxy and the kubelet did; nothing happens where nothing is left."""
    _remove_device()
    _remove_chains()
    if saved.exists():
        for name, value in json.loads(saved.read_text()).items():
            (SYSCTLS / name).write_text(value)
        saved.unlink()


def commands_to_empty(listing: str) -> str:
    """Turn what iptables-save prints into input for iptables-restore --noflush that removes what the lab made.

    That is every rule with the lab's comment, every rule that leads to a chain of kube-proxy, and those chains.
    """
    commands: list[str] = []
    chains: list[str] = []
    for line in listing.splitlines():
        if line.startswith("*"):
            commands.append(line)
        elif line.startswith(":KUBE-"):
            chains.append(line.split()[0][1:])
        elif line.startswith("-A ") and _is_ours(line):
            commands.append(f"-D {line[3:]}")
        elif line == "COMMIT":
            commands += [f"-F {chain}" for chain in chains] + [f"-X {chain}" for chain in chains] + [line]
            chains = []
    return "\n".join(commands) + "\n"


def _is_ours(rule: str) -> bool:
    """Return whether a rule outside of kube-proxy's chains belongs to the lab."""
    if rule.startswith("-A KUBE-"):
        return False
    return f"--comment {DEVICE} " in rule or re.search(r"(-j|-g) KUBE-", rule) is not None


def _remove_device() -> None:
    if Path(f"/sys/class/net/{DEVICE}").exists():
        _run("ip", "link", "delete", DEVICE)


def _remove_chains() -> None:
    for program in _IP_VERSIONS:
        listed = subprocess.run((f"{program}-save",), capture_output=True, text=True, check=False)
        commands = commands_to_empty(listed.stdout)
        if any(line.startswith("-") for line in commands.splitlines()):
            _run(f"{program}-restore", "--wait", "--noflush", given=commands)


def _run(*command: str, given: str | None = None) -> None:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NetworkError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
