"""Loops take the widest vectors of a chip, also where the compiler by itself would take narrower ones."""

import os
import subprocess
import sys

import pytest
from llvmlite import binding

CODE = """
import nbnumba as nb
from nbnumba.kernels import cpu
nb.simulate(nb.from_nanobragg("-cell 70 80 90 -N 5 -default_F 100 -detpixels 8 -oversample 1"))
text = next(iter(cpu.render_row.inspect_asm().values()))
print(text.count("zmm"), text.count("ymm"))
"""


@pytest.mark.slow
@pytest.mark.skipif(not binding.get_host_cpu_features().get("avx512f"), reason="this machine has no 512-bit vectors")
def test_wide_vectors_are_taken(tmp_path):
    features = "+avx512f,+avx512dq,+avx512bw,+avx512vl,+avx512cd,+avx2,+fma,+prefer-256-bit"
    chosen = {"NUMBA_CPU_NAME": "icelake-server", "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env={**os.environ, **chosen}
    )
    wide, narrow = map(int, result.stdout.split())
    assert wide > narrow
