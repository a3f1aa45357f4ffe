"""A fresh process that renders one image: python -m nbnumba.bench.child FOLDER PRECISION THREADS FLAGS..."""

from __future__ import annotations

import json
import logging
import resource
import sys
import time


def main() -> None:
    """Render, and print seconds and memory as JSON."""
    start = time.perf_counter()
    import nbnumba as nb

    logging.getLogger("nbnumba").setLevel(logging.ERROR)
    nb.simulate  # noqa: B018 - what an idle program has in memory
    import nbnumba.kernels.cpu
    import nbnumba.kernels.pack

    idle = _peak()
    folder, precision, threads, *flags = sys.argv[1:]
    experiment = nb.from_nanobragg(flags, folder=folder)
    image = nb.simulate(experiment, precision=precision, threads=int(threads))
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "idle_MiB": idle, "peak_MiB": _peak(), "image_MiB": image.nbytes / 2**20}))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


if __name__ == "__main__":
    main()
