"""Damages inputs of every kind and looks at what becomes of them; a million take about an hour on two cores.

Run: python benchmarks/fuzz.py [--target NAME ...] [--inputs N] [--minutes M] [--seed S] [--workers W] [--found FOLDER]
     python benchmarks/fuzz.py --target NAME --replay FILE
     python benchmarks/fuzz.py --guided [--target NAME ...] [--inputs N]      (takes atheris, pip install atheris)

Each target of tests/fuzz/targets.py gets N inputs (the slow ones a share of that), or all that are made in M minutes:
first a small good one, cut after every byte, then damaged ones, which follow from the seed and their number. An input
is accepted, and what was read has to agree with an independent reading, or refused by an NbnumbaError that names it.
Anything else is a fault: other errors, warnings, more than LIMIT seconds, more than MEMORY bytes beyond those of the
program at rest. Faulty inputs are kept in FOLDER, each beside what was wrong. Prints a table; exit code 1 where there
are faults.

With --guided each target gets N inputs that atheris makes of good, damaged and earlier ones: those that reach new
places of our code, or of the readers in Python below it, are kept in FOLDER/corpus-NAME, and are where it begins the
next time. Coverage is of places in that code, with the inputs at the beginning and with all.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import io
import itertools
import math
import multiprocessing
import os
import random
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MPLBACKEND"):
    os.environ.setdefault(name, "agg" if name == "MPLBACKEND" else "1")
TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

quiet = contextlib.nullcontext()
if "--guided" in sys.argv:
    import atheris

    root = Path(importlib.util.find_spec("nbnumba").origin).parents[1]
    compiled = [
        file for file in root.glob("nbnumba/**/*.py") if "physics" in file.parts or b"_jit" in file.read_bytes()
    ]
    as_they_are = [".".join(file.relative_to(root).with_suffix("").parts) for file in compiled]
    watched = ["nbnumba", "nbnumba_cli", "tomllib", "json", "fabio"]
    atheris.instrument_imports(watched, as_they_are, enable_loader_override=False).__enter__()  # to the end
    quiet = contextlib.redirect_stderr(io.StringIO())
with quiet:  # atheris has a line for each module
    from fuzz.mutations import damaged
    from fuzz.targets import TARGETS
    from fuzz.work import made, outcome, pretend_small_machine

MEMORY = 2**30  # bytes of addresses that a process may take while it reads
LIMIT = 60.0  # seconds for an input, on a machine that has other work too
CHUNK = 1000  # inputs that a process reads, before another one takes over
KEPT = 3  # inputs of one fault
ACCEPTED, REFUSED, FAULTS, CRASHES, NUMBER, STARTED, SLOWEST, PEAK = range(8)
DAMAGED = 200  # inputs that guided ones begin with, beside good ones
RESTARTS = 20  # of a target whose process ends by itself


def main() -> int:
    """Run what is asked for."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--target", nargs="*", choices=TARGETS, default=list(TARGETS))
    words.add_argument("--inputs", type=int, default=1000)
    words.add_argument("--first", type=int, default=0)
    words.add_argument("--minutes", type=float, default=1e9)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--workers", type=int, default=1)
    words.add_argument("--found", type=Path, default=Path("fuzz-found"))
    words.add_argument("--replay", type=Path)
    words.add_argument("--guided", action="store_true")
    asked = words.parse_args()
    pretend_small_machine()
    if asked.replay is not None:
        print(*replayed(asked.target[0], asked.replay.read_bytes()), sep="\n")
        return 0
    asked.found.mkdir(parents=True, exist_ok=True)
    print(
        f"{'target':12} {'inputs':>9} {'accepted':>9} {'refused':>9} {'faults':>7} {'crashes':>8} "
        f"{'slowest':>9} {'memory':>9}" + "  coverage" * asked.guided
    )
    totals = [0] * 5
    for name in asked.target:
        found, covered = guided(name, asked) if asked.guided else (run(name, asked), "")
        done = int(sum(found[: CRASHES + 1]))
        totals = [a + b for a, b in zip(totals, (done, *map(int, found[: CRASHES + 1])), strict=True)]
        print(f"{name:12} {done:9} " + " ".join(f"{int(n):{w}}" for n, w in zip(found, (9, 9, 7, 8), strict=False))
              + f" {found[SLOWEST]:7.2f} s {found[PEAK] / 2**20:5.0f} MiB{covered}", flush=True)  # fmt: skip
    print(f"{'all':12} " + " ".join(f"{n:{w}}" for n, w in zip(totals, (9, 9, 9, 7, 8), strict=True)))
    return 1 if totals[3] else 0


def replayed(name: str, content: bytes) -> tuple[str, str]:
    """What becomes of an input."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"input{TARGETS[name].ending}"
        path.write_bytes(content)
        return outcome(TARGETS[name], path)


def run(name: str, asked: argparse.Namespace) -> list[float]:
    """Counts of a target."""
    end = time.monotonic() + 60.0 * asked.minutes
    last = asked.first + round(asked.inputs * TARGETS[name].share)
    TARGETS[name].seeds()
    todo = [(first, min(first + CHUNK, last)) for first in range(asked.first, last, CHUNK)][::-1]
    totals, running = [0.0] * 8, []
    fork = multiprocessing.get_context("fork")
    while running or (todo and time.monotonic() < end):
        while todo and len(running) < asked.workers and time.monotonic() < end:
            first, last = todo.pop()
            shared = fork.Array("d", 8, lock=False)
            shared[NUMBER] = first - 1
            process = fork.Process(
                target=work, args=(name, asked.seed, first, last, asked.found, shared, end), daemon=True
            )
            process.start()
            running.append((process, shared, last))
        time.sleep(0.02)
        for one in list(running):
            process, shared, last = one
            started = shared[STARTED]
            hangs = started and time.monotonic() - started > LIMIT
            if process.is_alive() and not hangs:
                continue
            running.remove(one)
            if process.is_alive():
                process.kill()
            process.join()
            if hangs or process.exitcode:
                number = int(shared[NUMBER])
                fatal(name, asked, number, "hang" if hangs else f"crash {process.exitcode}", shared)
                if number + 1 < last:
                    todo.append((number + 1, last))
            for i in (ACCEPTED, REFUSED, FAULTS, CRASHES):
                totals[i] += shared[i]
            for i in (SLOWEST, PEAK):
                totals[i] = max(totals[i], shared[i])
    return totals


def fatal(name: str, asked: argparse.Namespace, number: int, what: str, counts: list[float]) -> None:
    """Count and keep an input that ended its process."""
    counts[CRASHES if TARGETS[name].fragile else FAULTS] += 1
    keep(asked.found, name, number, made(TARGETS[name], asked.seed, number), what)


def work(name: str, seed: int, first: int, last: int, found: Path, counts: list[float], end: float) -> None:
    """Read the inputs of a range of numbers, in a process of its own."""
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)  # HDF5 tells its troubles there
    target = TARGETS[name]
    with shared_memory_folder() as folder:
        read = reader(name, found, counts, folder)
        for number in range(first, last):
            content = made(target, seed, number)
            counts[NUMBER] = number
            read(content, number)
            if time.monotonic() > end:
                break


def shared_memory_folder() -> tempfile.TemporaryDirectory[str]:
    """For the files of inputs."""
    return tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def reader(name: str, found: Path, counts: list[float], folder: str) -> Callable[[bytes, int], None]:
    """What reads an input and counts what becomes of it, in this process, whose memory is bounded from then on."""
    target = TARGETS[name]
    path = Path(folder) / f"input{target.ending}"
    for content in target.seeds():  # what is loaded at first use is not what an input takes
        path.write_bytes(content)
        outcome(target, path)
    used = status("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    at_rest = status("VmHWM")

    def read(content: bytes, number: int) -> None:
        path.write_bytes(content)
        counts[STARTED] = time.monotonic()
        said, why = outcome(target, path)
        counts[SLOWEST] = max(counts[SLOWEST], time.monotonic() - counts[STARTED])
        counts[STARTED] = 0.0
        counts[{"accepted": ACCEPTED, "refused": REFUSED, "fault": FAULTS}[said]] += 1
        counts[PEAK] = max(counts[PEAK], status("VmHWM") - at_rest)
        if said == "fault":
            keep(found, name, number, content, why)

    return read


def status(field: str) -> int:
    """What the system tells of this process [bytes]."""
    return 1024 * int(re.search(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def keep(folder: Path, name: str, number: int, content: bytes, why: str) -> None:
    """Write an input and what is wrong, unless there are several of its kind."""
    lines = why.strip().splitlines()
    places = [line.strip() for line in lines if line.strip().startswith("File ")][-1:]
    sort = re.sub(r"\d+|'[^']*'|\"[^\"]*\"", "", f"{places}{lines[-1][:60] if lines else ''}")
    key = hashlib.sha256(sort.encode()).hexdigest()[:8]
    if len(list(folder.glob(f"{name}-{key}-*.why"))) >= KEPT:
        return
    with contextlib.suppress(OSError):
        (folder / f"{name}-{key}-{number}{TARGETS[name].ending}").write_bytes(content)
        (folder / f"{name}-{key}-{number}.why").write_text(why, encoding="utf-8", errors="replace")


def guided(name: str, asked: argparse.Namespace) -> tuple[list[float], str]:
    """Counts of a target, and places that were reached, of inputs that atheris makes in a process of its own."""
    target, log = TARGETS[name], asked.found / f"{name}.log"
    corpus = asked.found / f"corpus-{name}"
    corpus.mkdir(parents=True, exist_ok=True)
    few = [made(target, asked.seed, 10**6 + i) for i in range(DAMAGED)]
    for i, content in enumerate([*target.seeds(), *few]):
        (corpus / f"begin-{i}").write_bytes(content)
    log.write_bytes(b"")
    fork = multiprocessing.get_context("fork")
    counts, end = fork.Array("d", 8, lock=False), time.monotonic() + 60.0 * asked.minutes
    for _ in range(RESTARTS):
        left = asked.inputs - int(sum(counts[: CRASHES + 1]))
        if left <= 0 or time.monotonic() > end:
            break
        seconds = min(end - time.monotonic(), 10**6)
        with shared_memory_folder() as folder:
            process = fork.Process(target=guided_work, args=(name, left, seconds, corpus, log, asked, counts, folder))
            process.start()
            process.join()
        if process.exitcode:
            counts[CRASHES if target.fragile else FAULTS] += 1
    told = [tuple(map(int, one)) for one in re.findall(r"cov: (\d+) ft: \d+ corp: (\d+)", log.read_text("latin-1"))]
    covered = f"  {told[0][0]} to {told[-1][0]}, {told[-1][1]} inputs" if told else "  unknown"
    return list(counts), covered


def guided_work(
    name: str, count: int, seconds: float, corpus: Path, log: Path, asked: argparse.Namespace, counts: list[float],
    folder: str,
) -> None:  # fmt: skip
    """Have atheris make inputs; it ends the process."""
    target = TARGETS[name]
    with open(log, "ab") as told:
        os.dup2(told.fileno(), 1)
        os.dup2(told.fileno(), 2)

    def altered(content: bytes, most: int, seed: int) -> bytes:
        """Bytes changed by libFuzzer, or what the input is made of by us."""
        chosen = random.Random(seed)
        if chosen.random() < 0.5:
            return atheris.Mutate(content, most)
        try:
            return target.make(chosen, [content])[:most]
        except Exception:  # it is of no such structure by now
            return damaged(chosen, [content])[:most]

    longest = max(len(content) for content in target.seeds())
    options = [
        f"-runs={count}", f"-max_total_time={math.ceil(seconds)}", f"-timeout={int(LIMIT)}", "-rss_limit_mb=0",
        f"-max_len={4 * longest + 4096}", "-len_control=0", f"-seed={asked.seed}",
        f"-artifact_prefix={asked.found}/{name}-",
    ]  # fmt: skip
    read, each = reader(name, asked.found, counts, folder), itertools.count()
    atheris.Setup(
        [sys.argv[0], str(corpus), *options], lambda content: read(content, next(each)), custom_mutator=altered
    )
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
