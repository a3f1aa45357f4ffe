"""Signals that end a run, remembered: where one would do harm, it waits until that is done."""

from __future__ import annotations

import os
from types import FrameType

_struck = False
#: Where Python would report an exception and go on, as C calls it; and where one leaves a lock that nobody opens.
_NOT_WITHIN = ("llvmlite", os.path.join("concurrent", "futures", "thread.py"))


def stop(_: int, frame: FrameType | None) -> None:
    """Signal handler: end the run."""
    global _struck
    _struck = True
    while frame is not None:
        if any(place in frame.f_code.co_filename for place in _NOT_WITHIN):
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def heed() -> None:
    """End the run if a signal asked for it."""
    if _struck:
        raise KeyboardInterrupt
