"""Compiled code is never stale, and never in the way."""

import os
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
#: The background is the loop that compiles fastest.
BACKGROUND = """
import logging
logging.disable(50)
import nbnumba as nb
water = nb.Background(material="water", thickness=1.0)
experiment = nb.from_nanobragg("-cell 50 -default_F 10 -detpixels 8").replace(background=(water,))
print(float(nb.background(experiment).max()))
"""


def peak(package, cache, first=""):
    """Largest pixel of a small image, computed in a fresh process by the package in a folder."""
    result = subprocess.run(
        [sys.executable, "-c", first + BACKGROUND],
        cwd=package,
        env={"PYTHONPATH": str(package), "NUMBA_CACHE_DIR": str(cache), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(result.stdout)


@pytest.fixture
def equation(tmp_path):
    """File of an equation in a package of its own, which is in the working folder of ``peak``."""
    shutil.copytree(Path(nbnumba.__file__).parent, tmp_path / "nbnumba", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "nbnumba" / "physics" / "amorphous.py"
    assert file.read_text().count("return f * f * photons\n") == 1
    return file


def test_an_edited_equation_is_used_at_once(tmp_path, equation):
    before = peak(tmp_path, tmp_path / "cache")
    equation.write_text(equation.read_text().replace("return f * f *", "return 2.0 * f * f *"))
    assert peak(tmp_path, tmp_path / "cache") == pytest.approx(2.0 * before, rel=1e-6)


def test_an_edit_while_a_process_runs_is_not_taken_for_what_it_compiled(tmp_path, equation):
    edit = f"""
from pathlib import Path
import nbnumba.physics.amorphous
file = Path({str(equation)!r})
file.write_text(file.read_text().replace("return f * f *", "return 2.0 * f * f *"))
"""
    old = peak(tmp_path, tmp_path / "cache", edit)
    assert peak(tmp_path, tmp_path / "cache") == pytest.approx(2.0 * old, rel=1e-6)


def in_cache(cache, code):
    """Words that a fresh process prints, whose compiled code is in a folder."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    words = [sys.executable, "-c", code]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.split()


def test_a_second_process_compiles_nothing(tmp_path):
    code = (
        SCRIPT
        + """
from nbnumba.kernels import cpu
print(sum(cpu.render_row.stats.cache_hits.values()), sum(cpu.render_row.stats.cache_misses.values()))
"""
    )
    counts = [tuple(map(int, in_cache(tmp_path, code)[1:])) for _ in range(2)]
    assert list(tmp_path.rglob("*.nbc"))
    assert counts == [(0, 1), (1, 0)]


def test_a_broken_cache_is_made_anew(tmp_path):
    image = in_cache(tmp_path, BACKGROUND)
    files = list(tmp_path.rglob("*.nb?"))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:50])
    assert [in_cache(tmp_path, BACKGROUND) for _ in range(2)] == [image, image]
    assert all(file.stat().st_size > 50 for file in tmp_path.rglob("*.nb?"))


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
