"""Kill commands at random moments, and see that no half-written file has a final name and that the next run works.

python benchmarks/kills.py                  200 kills of simulate, dataset and refine: some 20 minutes
python benchmarks/kills.py --kills 12       fewer; --seed chooses other moments

Each command runs undisturbed first. Then it is killed, with all its processes, between its start and its end, late
moments being likelier; every file under a final name has to be, byte for byte, that of the undisturbed run; and the
same command, run once more in the same folder, has to end well with the same files. All processes share one cache of
compiled code, which is emptied before every tenth kill, so that some die while they fill it.
"""

import argparse
import hashlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXPERIMENT = """
[crystal]
cell = [40, 50, 60, 90, 90, 90]
cells = [8, 8, 8]
default_f = 100
[beam]
wavelength = 1.0
fluence = 1e24
[detector]
pixels = [300, 300]
pixel_size = 0.2
distance = 80
[sampling]
oversample = 1
[scan]
width = 0.1
steps = 2
[response]
"""
RECIPE = """
count = 24
seed = 3
orientation = "uniform"
[output]
images_per_shard = 4
[base.crystal]
cell = [40, 50, 60, 90, 90, 90]
cells = [8, 8, 8]
default_f = 100
[base.beam]
wavelength = 1.0
fluence = 1e24
[base.detector]
pixels = [200, 200]
pixel_size = 0.3
distance = 80
[base.sampling]
oversample = 1
[base.response]
"""
COMMANDS = {
    "simulate": "simulate e.toml -o out/series.h5 --png out/first.png --cbf out/image_##.cbf --images 6 --overwrite",
    "dataset": "dataset r.toml -o out --workers 2 --resume",
    "refine": "refine e.toml target.h5 --parameter misset_x --parameter misset_y -o out/refined.toml"
    " --svg out/refined.svg --overwrite",
}
TELLING = {".html", ".jsonl"}  # pages and logs tell of times; they take no part in the comparison


def environment(cache):
    return os.environ | {"NUMBA_CACHE_DIR": str(cache), "NBNUMBA_THREADS": "1"}


def start(words, folder, cache):
    command = [sys.executable, "-m", "nbnumba_cli", *words.split()]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=environment(cache), start_new_session=True, **quiet)


def finished(words, folder, cache):
    """Seconds that a command takes, which has to end well."""
    begin, process = time.perf_counter(), start(words, folder, cache)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, f"{words}: exit code {process.returncode}\n{said.decode()[-2000:]}"
    return time.perf_counter() - begin


def files(folder):
    """Digests of files under final names, by name; hidden ones are not."""
    found = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".") and p.suffix not in TELLING]
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def prepare(folder, cache):
    (folder / "out").mkdir(parents=True)
    (folder / "e.toml").write_text(EXPERIMENT)
    (folder / "r.toml").write_text(RECIPE)
    finished("simulate e.toml -o target.h5 --set crystal.misset=0.01,0.02,0 --expected", folder, cache)


def kill(words, folder, cache, moment):
    """Kill a command with all its processes; whether it was still running."""
    process = start(words, folder, cache)
    time.sleep(moment)
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return running


def undisturbed(name, model, cache):
    """Seconds that a command takes with compiled code in the cache, and the files that it makes."""
    for _ in range(2):
        shutil.rmtree(model / "out")
        (model / "out").mkdir()
        seconds = finished(COMMANDS[name], model, cache)
    return seconds, files(model / "out")


def killed(name, model, work, cache, moment, expected):
    """Kill a command, look at what it left, run it again; number of files that were whole, None if it had ended."""
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(model, work, ignore=shutil.ignore_patterns("out"))
    (work / "out").mkdir()
    if not kill(COMMANDS[name], work, cache, moment):
        return None
    left = files(work / "out")
    wrong = {file for file, digest in left.items() if expected.get(file) != digest}
    assert not wrong, f"{name} killed after {moment:.2f} s: {wrong} is not whole"
    finished(COMMANDS[name], work, cache)
    assert files(work / "out") == expected, f"{name} killed after {moment:.2f} s: the next run made other files"
    return len(left)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=COMMANDS)
    given = parser.parse_args()
    rng, names = random.Random(given.seed), [given.only] if given.only else list(COMMANDS)
    with tempfile.TemporaryDirectory() as base:
        cache, model, work = Path(base, "cache"), Path(base, "model"), Path(base, "work")
        prepare(model, cache)
        usual = {name: undisturbed(name, model, cache) for name in names}
        whole = {name: [] for name in names}
        for number in itertools.count(1):
            if sum(map(len, whole.values())) == given.kills:
                break
            if number % 10 == 0:
                shutil.rmtree(cache)
            name = names[number % len(names)]
            seconds, expected = usual[name]
            left = killed(name, model, work, cache, seconds * rng.random() ** 0.5, expected)
            if left is not None:
                whole[name].append(left)
                print(f"{name}: {left} of {len(expected)} files whole, then all", flush=True)
    for name, counts in whole.items():
        partly = sum(0 < count < len(usual[name][1]) for count in counts)
        print(f"{name}: {len(counts)} kills, {partly} with some files written; all next runs right")


if __name__ == "__main__":
    main()
