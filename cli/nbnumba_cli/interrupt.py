"""Signals that end a run, remembered: where one would do harm, it waits until that is done."""

from __future__ import annotations

import os
import signal
from types import FrameType

#: Signals that end a run.
ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_struck = False
#: Where Python would report an exception and go on, as C calls it; where one leaves a lock that nobody opens; and
#: where it comes out as an error of the module that is imported.
_NOT_WITHIN = ("llvmlite", os.path.join("concurrent", "futures", "thread.py"), "importlib._bootstrap")
_SOON = 0.05  # seconds


def listen() -> None:
    """Let signals end the program in order, so that half-written files are removed."""
    for sign in ENDING:
        if signal.getsignal(sign) is not signal.SIG_IGN:  # as under nohup
            signal.signal(sign, stop)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, stop)


def stop(_: int, frame: FrameType | None) -> None:
    """Signal handler: end the run, or try again soon."""
    global _struck
    _struck = True
    while frame is not None:
        if any(place in frame.f_code.co_filename for place in _NOT_WITHIN):
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, _SOON)
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def be_deaf() -> None:
    """Take no notice of signals any more: all is done, and what comes now is too late to matter."""
    for sign in [*ENDING, *([signal.SIGALRM] if hasattr(signal, "SIGALRM") else [])]:
        signal.signal(sign, signal.SIG_IGN)


def heed() -> None:
    """End the run if a signal asked for it."""
    if _struck:
        raise KeyboardInterrupt
