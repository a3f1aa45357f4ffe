"""A script that has Slurm make a data set: an array of jobs, each of which makes some files, then the master."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from nbnumba.datasets.folder import Plan
from nbnumba.errors import NbnumbaError

MOST_JOBS = 1000  # of an array, as Slurm has it unless it is told otherwise (MaxArraySize, 1001)
_OURS = ("array", "dependency", "output", "parsable", "wrap")
#: What the job that writes the master, on one core for minutes at most, does not need.
_OF_ARRAY = re.compile(r"--(gres|gpus?|gpus-per-.*|.*-per-gpu|gpu-bind|gpu-freq|cpus-per-task|exclusive)(=|$)")


def script(
    plan: Plan,
    words: Sequence[str],
    making: Sequence[str] = (),
    *,
    name: str,
    options: Sequence[str] = (),
    at_once: int | None = None,
) -> str:
    """Text of a script for bash, to be run where ``sbatch`` is; logs go to the folder ``logs`` in that of the data set.

    Args:
        plan: of the data set, as ``prepare`` returns it.
        words: of the command, without those about its part.
        making: more of them, for the jobs that make files.
        name: of the script, for the comment at its head.
        options: for ``sbatch``, each as "time=02:00:00" or "exclusive"; the master's job gets those that are neither
            about GPUs nor about cores.
        at_once: most jobs that run at the same time; None: as many as Slurm lets.

    Raises:
        NbnumbaError: nothing is missing, or an option that is none or that the script gives itself.
    """
    if not plan.missing:
        raise NbnumbaError(f"{plan.folder}: all files are there; --master writes their master")
    jobs = min(len(plan.all), MOST_JOBS)
    limit = "" if at_once is None else f"%{at_once}"
    array = _ranges(sorted({shard.index % jobs for shard in plan.missing})) + limit
    given = [_option(text) for text in options]
    if not any(text.startswith("--cpus-per-task") for text in given):
        given.append("--cpus-per-task=1")
    logs, job = (plan.folder / "logs").absolute(), f"--job-name={plan.folder.absolute().name}"
    share = f"{shlex.join([*words, *making])} --shard $SLURM_ARRAY_TASK_ID/{jobs}"
    first = ["--parsable", f"--array={array}", job, f"--output={logs}/%A_%a.txt", *given]
    first.append(f"--wrap=NUMBA_NUM_THREADS=$SLURM_CPUS_PER_TASK exec {share}")
    few = [text for text in given if not _OF_ARRAY.match(text)]
    then = [
        job,
        f"--output={logs}/%j_master.txt",
        *few,
        "--cpus-per-task=1",
        f"--wrap=exec {shlex.join(words)} --master",
    ]
    return f"""#!/bin/bash
# Has Slurm make {len(plan.missing)} of {len(plan.all)} files of a data set, then their master: bash {Path(name).name}
# If some are missing in the end, make this script anew and run it once more.
set -eu
cd {shlex.quote(str(Path.cwd()))}
mkdir -p {shlex.quote(str(logs))}
array=$(sbatch {shlex.join(first)})
sbatch --dependency=afterany:"${{array%%;*}}" {shlex.join(then)}
"""


def _option(text: str) -> str:
    name, told, value = text.partition("=")
    if not re.fullmatch(r"[a-z][a-z-]*", name) or name in _OURS or (told and not value):
        raise NbnumbaError(
            f"--sbatch: found {text!r}; allowed: long options of sbatch as time=02:00:00, other than {', '.join(_OURS)}"
        )
    return f"--{text}"


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers as Slurm lists them: 0-3,7."""
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), lambda one: one[1] - one[0])]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
