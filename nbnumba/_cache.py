"""Where compiled code is kept between processes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

_MONTH = 30 * 86400.0  # seconds
_STARTED = time.time()


@functools.cache
def cache_directory() -> Path | None:
    """Folder for compiled code, or None where nothing can be written.

    Numba looks for edits in the file of a loop alone, not in the files of the functions it inlines, so the name of
    the folder carries a hash of all sources that can end up in compiled code. Where one of them was edited since this
    process began, what it has loaded may be older than that, and nothing is kept.
    """
    if any(file.stat().st_mtime >= _STARTED for file in _sources()):
        return None
    roots = [
        os.environ.get("NUMBA_CACHE_DIR"),
        os.environ.get("XDG_CACHE_HOME"),
        os.path.join(os.path.expanduser("~"), ".cache"),
    ]
    for root in roots:
        if root and os.path.isabs(root):
            folder = Path(root) / "nbnumba" / _source_hash()
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    os.utime(folder)
                _drop_old(folder.parent)
                return folder
            except OSError:
                continue
    return None


def _drop_old(parent: Path) -> None:
    """Remove the code of versions that were not used for a month."""
    for folder in parent.iterdir():
        with contextlib.suppress(OSError):  # another process may do the same
            if time.time() - folder.stat().st_mtime > _MONTH:
                shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _sources() -> list[Path]:
    """Files whose code can end up in compiled code: physics, kernels, and whatever knows ``_jit``."""
    here = Path(__file__).parent
    folders = {file for name in ("physics", "kernels") for file in (here / name).rglob("*.py")}
    known = {file for file in here.rglob("*.py") if b"nbnumba._jit" in file.read_bytes()}
    return sorted({here / "_jit.py", here / "_lowered.py", here / "constants.py"} | folders | known)


def _source_hash() -> str:
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for file in _sources():
        digest.update(str(file.relative_to(here)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
