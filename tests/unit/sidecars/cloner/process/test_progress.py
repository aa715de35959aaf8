"""A clone of an hour shows that it goes on, and a short one does not fill the log."""

from amalthea.sidecars.cloner.process.progress import Progress


def test_the_first_the_last_and_one_in_ten_seconds_are_said() -> None:
    progress = Progress()
    lines = [
        ("Cloning into 'a'...", 0.0),
        ("remote: Counting objects:   1% (1/90)", 0.1),
        ("remote: Counting objects:   2% (2/90)", 0.2),
        ("Receiving objects:   1% (1/90)", 0.3),
        ("Receiving objects:  20% (18/90), 1 MiB | 2 MiB/s", 5.0),
        ("Receiving objects:  50% (45/90), 2 MiB | 2 MiB/s", 10.5),
        ("Receiving objects:  51% (46/90), 2 MiB | 2 MiB/s", 11.0),
        ("Receiving objects: 100% (90/90), done.", 12.0),
        ("", 12.0),
        ("fatal: early EOF", 12.0),
    ]

    said = [line for line, now in lines if progress.worth_saying(line, now)]

    assert said == [lines[index][0] for index in (0, 1, 3, 5, 7, 9)]
