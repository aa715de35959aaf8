"""The kernel's files and the operator's metrics are read for what they say."""

import os

from bench.proc import Memory, cpu_of, cpu_seconds, machine_cpu_of, memory, memory_of
from bench.replica import metric


def test_cpu_time_is_found_behind_a_name_with_blanks_and_parentheses() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    stat = f"7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 {3 * ticks} {2 * ticks} 9 9 20 0 1 0 500 1000 200"
    assert cpu_of(stat) == 5.0


def test_time_in_which_the_machine_had_nothing_to_do_is_not_counted() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    user, nice, system, idle, waiting, irq, softirq, steal, guest = (number * ticks for number in range(1, 10))
    fields = f"cpu  {user} {nice} {system} {idle} {waiting} {irq} {softirq} {steal} {guest} 0"
    assert machine_cpu_of(f"{fields}\ncpu0 1 1 1\n") == 1 + 2 + 3 + 6 + 7 + 8


def test_memory_is_in_mib() -> None:
    assert memory_of("Name:\tx\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\nThreads:\t1\n") == Memory(2.0, 4.0)


def test_this_process_has_used_cpu_time_and_memory() -> None:
    assert cpu_seconds(os.getpid()) > 0
    used = memory(os.getpid())
    assert 0 < used.resident <= used.peak


EXPOSITION = """\
# HELP amalthea_watch_events_total Messages received by watches.
amalthea_watch_events_total{kind="pods"} 3.0
amalthea_watch_events_total{kind="a b"} 4.0
amalthea_watch_events_created{kind="pods"} 1.7e+09
amalthea_leading 1.0
"""


def test_a_metric_is_summed_over_its_labels_and_not_mixed_up_with_another() -> None:
    assert metric(EXPOSITION, "amalthea_watch_events_total") == 7.0
    assert metric(EXPOSITION, "amalthea_leading") == 1.0
    assert metric(EXPOSITION, "amalthea") == 0.0
