"""log.jsonl beside the files of a data set: a line of JSON for each file that was made, or that could not be.

It says how the work went, and belongs to no hash. Each line is written at once at the end of the file, so that those of
several processes do not mix; where a network file system loses one, or a disk is full, the data set has what it has.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbnumba import __version__

LOG = "log.jsonl"
#: Events: a file was made; one could not be made.
MADE, FAILED = "made", "failed"


def note(folder: str | Path, event: str, **values: Any) -> None:
    """Add a line: event, time (UTC), host, process, version and ``values``; nothing where that cannot be done."""
    about = {"event": event, "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
             "host": socket.gethostname(), "process": os.getpid(), "version": __version__}  # fmt: skip
    line = json.dumps({**about, **values}, default=str) + "\n"
    with contextlib.suppress(OSError):
        where = os.open(Path(folder) / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(where, line.encode())
        finally:
            os.close(where)


def read_log(folder: str | Path) -> list[dict[str, Any]]:
    """All lines of a log that are whole, in order; none where there is no log."""
    found = []
    try:
        text = (Path(folder) / LOG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    for line in text.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            one = json.loads(line)
            found += [one] if isinstance(one, dict) else []
    return found
