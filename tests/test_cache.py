"""Compiled code is never stale, and never in the way."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nbnumba
from nbnumba import _cache

SCRIPT = """
import logging, sys
logging.disable(50)
import nbnumba as nb
print(float(nb.simulate(nb.from_nanobragg("-cell 50 -N 3 -default_F 10 -detpixels 8 -oversample 1")).max()))
"""


def peak(package, cache):
    """Largest pixel of a small image, computed in a fresh process by the package in a folder."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=package,
        env={"PYTHONPATH": str(package), "NUMBA_CACHE_DIR": str(cache), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(result.stdout)


def test_an_edited_equation_is_used_at_once(tmp_path):
    shutil.copytree(Path(nbnumba.__file__).parent, tmp_path / "nbnumba", ignore=shutil.ignore_patterns("__pycache__"))
    before = peak(tmp_path, tmp_path / "cache")
    file = tmp_path / "nbnumba" / "physics" / "step.py"
    text = file.read_text()
    assert text.count("return f * f\n") == 1
    file.write_text(text.replace("return f * f\n", "return 2.0 * f * f\n"))
    assert peak(tmp_path, tmp_path / "cache") == pytest.approx(2.0 * before, rel=1e-6)


def test_old_versions_are_dropped(tmp_path, monkeypatch):
    (tmp_path / "old").mkdir()
    made = (tmp_path / "old").stat().st_mtime
    for months, kept in ((0.9, True), (1.1, False)):
        monkeypatch.setattr(_cache.time, "time", lambda months=months: made + months * _cache._MONTH)
        _cache._drop_old(tmp_path)
        assert (tmp_path / "old").exists() == kept


def test_an_unwritable_home_means_no_cache(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    assert _cache.cache_directory.__wrapped__() is None
