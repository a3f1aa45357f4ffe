"""A process that works for long does not grow: a slice of `benchmarks/long_run.py`."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "long_run.py"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells what a process holds in /proc")
@pytest.mark.parametrize("kind", ["series", "dataset", "refinement"])
def test_memory_files_and_threads_stay(kind):
    done = subprocess.run([sys.executable, SCRIPT, "2000", kind], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("images") == 3
