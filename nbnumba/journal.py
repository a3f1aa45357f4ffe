"""What the library tells of its work through ``logging``: a line of level INFO when a stage is done.

All loggers are children of "nbnumba", named after their modules. Nothing is printed, and where nobody listens nothing
is measured.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from nbnumba import _jit


@contextmanager
def stage(log: logging.Logger, what: str) -> Iterator[None]:
    """Tell what a block did, how long it took, and which loops were made ready for it.

    Args:
        log: of the module that does it.
        what: words for it, as "rendering 100 x 100 pixels".
    """
    if not log.isEnabledFor(logging.INFO):
        yield
        return
    log.debug("%s ...", what)
    before, start = _ready(), time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    for how, loops in _ready().items():
        fresh = loops - before[how]
        if fresh:
            log.info("loops %s: %s", how, ", ".join(sorted(fresh)))
    log.info("%s: %.3f s", what, seconds)


def _ready() -> dict[str, Counter[str]]:
    """How often each loop was compiled, and how often its code came from the cache: once for each kind of arguments."""
    compiled: Counter[str] = Counter()
    loaded: Counter[str] = Counter()
    for loop in _jit.loops:
        if hasattr(loop, "stats"):  # it has none where Numba is switched off
            hits = sum(loop.stats.cache_hits.values())
            loaded[loop.__name__] += hits
            compiled[loop.__name__] += len(loop.overloads) - hits
    return {"compiled": compiled, "loaded from the cache": loaded}
