"""Signals that end a run, remembered: one that strikes while compiled code is loaded waits until that is done."""

from __future__ import annotations

from types import FrameType

_struck = False
_CALLED_FROM_C = "llvmlite"  # where Python would report an exception and go on


def stop(_: int, frame: FrameType | None) -> None:
    """Signal handler: end the run."""
    global _struck
    _struck = True
    while frame is not None:
        if _CALLED_FROM_C in frame.f_code.co_filename:
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def heed() -> None:
    """End the run if a signal asked for it."""
    if _struck:
        raise KeyboardInterrupt
