"""A fresh process that renders one image: python -m nbnumba.bench.child WORKLOAD PIXELS FOLDER PRECISION THREADS"""

from __future__ import annotations

import json
import resource
import sys
import time
import zlib
from pathlib import Path


def main() -> None:
    """Render, and print seconds and memory as JSON."""
    start = time.perf_counter()
    import nbnumba as nb

    bare = _peak()

    import nbnumba.kernels.cpu
    import nbnumba.kernels.pack
    from nbnumba.bench.workloads import WORKLOADS

    idle = _peak()
    name, pixels, folder, precision, threads = sys.argv[1:]
    experiment = WORKLOADS[name].translation(int(pixels), Path(folder)).experiment
    image = nb.simulate(experiment, precision=precision, threads=int(threads))
    seconds = time.perf_counter() - start
    memory = {"bare_MiB": bare, "idle_MiB": idle, "peak_MiB": _peak(), "image_MiB": image.nbytes / 2**20}
    print(json.dumps({"seconds": seconds, "crc32": zlib.crc32(image.tobytes()), **memory}))


def _peak() -> float:
    """Largest memory so far [MiB]; the kernel's own count, as that of ``resource`` begins with the parent's."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024.0
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


if __name__ == "__main__":
    main()
