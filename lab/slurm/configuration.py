"""The configuration of Slurm's daemons, as texts: a node with made-up resources, three partitions, accounting. Pure."""

from dataclasses import dataclass
from pathlib import Path

CLUSTER = "lab"
NODE = "localhost"
USER = "slurm"
"""The user of slurmctld and slurmdbd: Debian's packages make it. Jobs run as their submitters."""
CPUS = 8
"""More than the machine may have: the jobs of tests do little, and must not wait for each other."""
MEMORY = 8000
"""MiB."""
CHEAP, URGENT = "cheap", "urgent"
"""Partitions besides the default one, `normal`: jobs of `urgent` take the place of those of `cheap`."""
KILL_WAIT = 5
"""Seconds between SIGTERM and SIGKILL at a job's time limit."""


@dataclass(frozen=True)
class Ports:
    """TCP ports on 127.0.0.1."""

    controller: int
    node: int
    accounting: int


@dataclass(frozen=True)
class Layout:
    """The paths of all files. A socket's path may have 107 characters, so the folder's should be short."""

    folder: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "slurm.conf"

    @property
    def accounting(self) -> Path:
        return self.folder / "slurmdbd.conf"

    @property
    def munge_key(self) -> Path:
        return self.folder / "munge.key"

    @property
    def munge_socket(self) -> Path:
        return self.folder / "munge.socket"

    @property
    def database(self) -> Path:
        return self.folder / "database"

    @property
    def database_socket(self) -> Path:
        """The path of the database's socket, which only slurmdbd's user can reach: it gives access to everything."""
        return self.memory / "database"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def memory(self) -> Path:
        """The folder of slurmctld and slurmdbd: their state across restarts."""
        return self.folder / "memory"


def slurm(layout: Layout, ports: Ports) -> str:
    """Return slurm.conf."""
    lines = {**_daemons(layout, ports), **_jobs(), **_records(layout, ports)}
    lines["NodeName"] = f"{NODE} NodeAddr=127.0.0.1 CPUs={CPUS} RealMemory={MEMORY} State=UNKNOWN"
    partitions = (
        f"PartitionName=normal Nodes={NODE} Default=YES MaxTime=24:00:00 PriorityTier=5 PreemptMode=OFF",
        f"PartitionName={CHEAP} Nodes={NODE} MaxTime=24:00:00 PriorityTier=1",
        f"PartitionName={URGENT} Nodes={NODE} MaxTime=24:00:00 PriorityTier=10 PreemptMode=OFF",
    )
    return "\n".join([*(f"{name}={value}" for name, value in lines.items()), *partitions, ""])


def _daemons(layout: Layout, ports: Ports) -> dict[str, object]:
    """Return the daemons' users, addresses and folders."""
    return {
        "ClusterName": CLUSTER,
        "SlurmctldHost": f"{NODE}(127.0.0.1)",
        "SlurmctldPort": ports.controller,
        "SlurmdPort": ports.node,
        "SlurmUser": USER,
        "SlurmdUser": "root",
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={layout.munge_socket}",
        "CredType": "cred/munge",
        "StateSaveLocation": layout.memory,
        "SlurmdSpoolDir": layout.spool,
        "SlurmctldPidFile": layout.memory / "slurmctld.pid",
        "SlurmdPidFile": layout.folder / "slurmd.pid",
        "SlurmdParameters": "config_overrides",
        "SlurmdTimeout": 10,
        "MessageTimeout": 5,
        "ReturnToService": 2,
    }


def _jobs() -> dict[str, object]:
    """Return how jobs are chosen, watched and ended.

    They are watched without control groups, which belong to the machine's administrator, so a job's memory is measured
    each second.
    """
    return {
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "MpiDefault": "none",
        "SwitchType": "switch/none",
        "JobAcctGatherType": "jobacct_gather/linux",
        "JobAcctGatherFrequency": 1,
        "JobAcctGatherParams": "OverMemoryKill",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core_Memory",
        "DefMemPerCPU": 200,
        "PreemptType": "preempt/partition_prio",
        "PreemptMode": "REQUEUE",
        "SchedulerParameters": "sched_interval=1,bf_interval=1",
        "KillWait": KILL_WAIT,
        "MinJobAge": 300,
    }


def _records(layout: Layout, ports: Ports) -> dict[str, object]:
    """Return how accounting is reached. It keeps scripts and variables, as at strict sites: a secret would show."""
    return {
        "AccountingStorageType": "accounting_storage/slurmdbd",
        "AccountingStorageHost": "127.0.0.1",
        "AccountingStoragePass": layout.munge_socket,
        "AccountingStoragePort": ports.accounting,
        "AccountingStoreFlags": "job_script,job_env,job_comment",
    }


def slurmdbd(layout: Layout, ports: Ports) -> str:
    """Return slurmdbd.conf. Where the database is, a variable says (MYSQL_UNIX_PORT)."""
    lines = {
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={layout.munge_socket}",
        "DbdHost": NODE,
        "DbdAddr": "127.0.0.1",
        "DbdPort": ports.accounting,
        "SlurmUser": USER,
        "PidFile": layout.memory / "slurmdbd.pid",
        "StorageType": "accounting_storage/mysql",
        "StorageHost": NODE,
        "StorageUser": "root",
    }
    return "\n".join([*(f"{name}={value}" for name, value in lines.items()), ""])
