"""The Python process that the operator runs in."""

import gc


def calm_the_garbage_collector() -> None:
    """Look for cyclic garbage rarely, and never through what the first lists brought.

    The caches are large, long-lived and free of cycles: with Python's defaults most of the CPU goes into walking them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
