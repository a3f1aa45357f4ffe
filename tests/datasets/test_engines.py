"""Engines: all make the same bytes, and whoever is killed, stopped or damaged, in the end every image is there once."""

import io
import json
import multiprocessing
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
import warnings
from unittest import mock

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from nbnumba_cli import dataset, main
from nbnumba_cli.main import cli
from recipes import BASE, die, recipe

import nbnumba as nb
from nbnumba.atomic import hidden_in, hidden_path
from nbnumba.datasets.engines import local, worker
from nbnumba.datasets.engines.local import Local, shared_out
from nbnumba.datasets.engines.run import make_dataset
from nbnumba.datasets.engines.slurm import script
from nbnumba.datasets.folder import prepare
from nbnumba.datasets.log import read_log
from nbnumba.datasets.master import unfinished, write_master
from nbnumba.datasets.preview import estimate
from nbnumba.datasets.shard import shards
from nbnumba.kernels import driver

COUNT, EACH = 8, 2
DEAD = 4_194_305  # no process has this number: the largest that Linux gives is 2^22


def small(**changes):
    return recipe(**{"count": COUNT, "output__images_per_shard": EACH, "base__detector__pixels": [32, 32],
                     "base__detector__beam_center": [9.6, 9.6], **changes})  # fmt: skip


def contents(folder):
    """Bytes of all files by name; logs and the page about them aside."""
    named = (path for path in folder.iterdir() if path.is_file() and path.suffix not in (".jsonl", ".html"))
    return {path.name: path.read_bytes() for path in named}


def writing(folder):
    """Numbers of the processes that are writing files now."""
    return [int(re.search(r"-(\d+)-\w+\.h5", path.name)[1]) for name, path, _ in hidden_in(folder) if "shard" in name]


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """What an undisturbed run leaves."""
    folder = tmp_path_factory.mktemp("calm")
    made = make_dataset(small(), folder)
    assert made["made"] == COUNT
    return contents(folder)


# ---- processes of this machine


def test_a_killed_process_is_replaced(calm, tmp_path):
    victims = []

    def kill_one(done, total):
        if done and not victims:
            victims.extend(writing(tmp_path)[:1])
            for victim in victims:
                os.kill(victim, signal.SIGKILL)

    made = make_dataset(small(), tmp_path, Local(2), progress=kill_one)
    assert len(victims) == 1
    assert made["made"] == COUNT
    assert contents(tmp_path) == calm
    assert multiprocessing.active_children() == []


def test_an_interrupt_while_a_process_is_replaced_leaves_nothing_behind(tmp_path, monkeypatch):
    """As where Ctrl-C or SIGTERM reaches all processes, and those that write die first."""
    victims, struck = [], []

    def kill_one(done, total):
        if done and not victims:
            victims.extend(writing(tmp_path)[:1])
            for victim in victims:
                os.kill(victim, signal.SIGKILL)

    def interrupted(worker, real=local._Worker.kill):
        if not struck:
            struck.append(worker.process.pid)
            raise KeyboardInterrupt
        real(worker)

    monkeypatch.setattr(local._Worker, "kill", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_dataset(small(), tmp_path, Local(2), progress=kill_one)
    assert struck == victims
    assert hidden_in(tmp_path) == []
    assert multiprocessing.active_children() == []


def test_a_file_that_kills_its_processes_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "serve", die)
    monkeypatch.setattr(local, "_TRIES", 1)
    with pytest.raises(nb.NbnumbaJobError, match=r"shard-0000\d.h5: 1 processes .* exit code 3; .*__main__"):
        make_dataset(small(), tmp_path, Local(2))
    assert multiprocessing.active_children() == []


def test_a_full_disk_ends_all_and_the_rest_is_made_later(calm, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, before[1]))
    try:
        with pytest.raises(nb.NbnumbaError, match=r"shard-\d+.h5: cannot be written \(File too large\)"):
            make_dataset(small(), tmp_path, Local(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert set(contents(tmp_path)) == {"manifest.json"}
    make_dataset(small(), tmp_path)
    assert contents(tmp_path) == calm


def test_a_process_that_nobody_listens_to_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    before, (ours, theirs) = signal.getsignal(signal.SIGINT), multiprocessing.Pipe()
    ours.send(shards(small())[0])
    ours.close()
    try:
        with pytest.raises(SystemExit):
            worker.serve(theirs, small(), tmp_path, 1, "cpu")
    finally:
        signal.signal(signal.SIGINT, before)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("engine", [None, Local(2)])
def test_a_device_that_is_not_there_is_told_before_anything_is_made(tmp_path, monkeypatch, engine):
    monkeypatch.setattr(driver, "what_is_missing", lambda: "it is on the moon")
    with pytest.raises(nb.NbnumbaError, match="device: found 'cuda', but it is on the moon"):
        make_dataset(small(hit=0.0), tmp_path, engine, device="cuda")
    with pytest.raises(nb.NbnumbaError, match="device: found 'cuda', but it is on the moon"):
        estimate(small(hit=0.0), device="cuda")
    with pytest.raises(nb.NbnumbaError, match="device: found 'cuda', but it is on the moon"):
        local.device_of("cuda", 1)


def test_processes_and_threads_share_the_cores(monkeypatch):
    monkeypatch.setattr(local, "thread_limit", lambda: 16)
    assert shared_out(100, None, None) == (16, 1)
    assert shared_out(4, None, None) == (4, 4)
    assert shared_out(100, None, 8) == (2, 8)
    assert shared_out(100, 3, 1) == (3, 1)
    assert shared_out(1, 8, None) == (1, 16)


# ---- several runs in one folder


def test_two_runs_share_the_work(calm, tmp_path):
    others = []

    def come_in(_):
        if not others:
            others.append({})
            others[0] = make_dataset(small(), tmp_path, resume=True)

    made = make_dataset(small(), tmp_path, report=come_in)
    assert (made["made"], others[0]["made"]) == (EACH, COUNT - EACH)
    assert made["content_hash"] == others[0]["content_hash"]
    assert contents(tmp_path) == calm


def test_what_another_run_is_at_comes_last(tmp_path):
    order, name = [], shards(small())[0].name
    live = hidden_path(tmp_path / name, os.getppid())
    live.touch()
    make_dataset(small(), tmp_path, report=lambda found: order.append(found["name"]))
    assert order[-1] == name
    assert live.exists()


def test_what_killed_runs_left_is_removed(calm, tmp_path):
    leftover = hidden_path(tmp_path / "shard-00001.h5", DEAD)
    old = hidden_path(tmp_path / "master.h5", os.getppid())
    others = [
        hidden_path(tmp_path / "shard-00001.h5", os.getppid()),
        hidden_path(tmp_path / "mine.h5", DEAD),
        leftover.with_name(f".shard-00001.elsewhere-{DEAD}.h5"),
    ]
    for path in (leftover, old, *others):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    make_dataset(small(), tmp_path)
    assert {name for name in contents(tmp_path) if name.startswith(".")} == {path.name for path in others}


def test_shares_make_the_whole(calm, tmp_path):
    made = [make_dataset(small(), tmp_path, share=(i, 3))["made"] for i in (2, 0, 1)]
    assert made == [2, 4, 2]
    assert unfinished(tmp_path) == []
    write_master(tmp_path)
    assert contents(tmp_path) == calm
    with pytest.raises(nb.NbnumbaError, match="--shard: found 3; allowed: 0 to 2"):
        make_dataset(small(), tmp_path, share=(3, 3))


def test_a_share_of_a_longer_set_is_seen_by_its_master(tmp_path):
    make_dataset(small(count=2), tmp_path)
    make_dataset(small(count=4), tmp_path, share=(1, None))
    assert unfinished(tmp_path) == []


def test_damage_shows_when_it_is_read_and_is_made_good(calm, tmp_path):
    make_dataset(small(), tmp_path)
    file = tmp_path / "shard-00002.h5"
    with h5py.File(file) as opened:
        place = opened["entry/data/data"].id.get_chunk_info(0)
    content = bytearray(file.read_bytes())
    content[place.byte_offset + place.size // 2] ^= 0xFF
    file.write_bytes(content)
    with h5py.File(tmp_path / "master.h5") as master, pytest.raises(OSError, match=r"filter|inflate"):
        master["entry/data/data"][2 * EACH]
    assert make_dataset(small(), tmp_path, resume=True)["made"] == EACH
    assert contents(tmp_path) == calm


# ---- Slurm

SBATCH = """#!/bin/bash
printf '%s\\n' "$@" > "$CALLS/$(ls "$CALLS" | wc -l)"
echo "77;cluster"
"""


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    """A program of this name that keeps its words, a call in each file of a folder."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "calls").mkdir()
    (tmp_path / "bin" / "sbatch").write_text(SBATCH)
    (tmp_path / "bin" / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return lambda: [file.read_text().splitlines() for file in sorted((tmp_path / "calls").iterdir())]


def invoke(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_slurm_makes_what_is_missing_and_then_the_master(calm, tmp_path, sbatch, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder, file = tmp_path / "a set", tmp_path / "it's.toml"
    file.write_text(small().to_toml())
    make_dataset(small(), folder, share=(1, None))
    words = ["dataset", file.name, "-o", folder.name, "--slurm", "go.sh", "--workers", 20]
    result = invoke(*words, "--sbatch", "time=02:00:00", "--sbatch", "exclusive")
    assert result.exit_code == 0, result.output
    monkeypatch.chdir("/")
    subprocess.run(["bash", tmp_path / "go.sh"], check=True)
    first, then = sbatch()
    assert {"--parsable", "--array=0,2-3%20", "--time=02:00:00", "--exclusive", "--cpus-per-task=1"} <= set(first)
    assert "--dependency=afterany:77" in then
    assert (folder / "logs").is_dir()
    monkeypatch.chdir(tmp_path)
    wrapped = [call[-1].partition("=")[2] for call in (first, then)]
    assert wrapped[0].startswith("NUMBA_NUM_THREADS=$SLURM_CPUS_PER_TASK exec ")
    for number in (0, 3, 2):
        assert run_wrapped(wrapped[0].replace("$SLURM_ARRAY_TASK_ID", str(number))).exit_code == 0
    assert run_wrapped(wrapped[1]).exit_code == 0
    assert contents(folder) == calm
    assert "--master writes" in str(invoke(*words, "--overwrite").exception)


#: Does what it is asked to: an array, the last words of a call, or a file.
SBATCH_THAT_WORKS = """#!/bin/bash
tasks=0
for word; do
    [[ $word == --array=0-* ]] && tasks=${word#--array=0-}
    [[ $word == --wrap=* ]] && line=${word#--wrap=}
done
[[ -f $1 ]] && cp "$1" "$CALLS/../job" && line="bash $CALLS/../job"
export SLURM_CPUS_PER_TASK=1
if [[ $line == *--master ]]; then
    while kill -0 $(cat "$CALLS/pids") 2>/dev/null; do sleep 0.1; done
fi
for task in $(seq 0 $tasks); do
    SLURM_ARRAY_TASK_ID=$task setsid bash -c "$line" >"$CALLS/../log$task" 2>&1 &
    echo $! >>"$CALLS/pids"
done
echo "Submitted batch job 77"
"""


def run_wrapped(line):
    words = shlex.split(line)
    return invoke(*words[words.index("nbnumba_cli") + 1 :])


def test_slurm_has_few_jobs_for_many_files(tmp_path):
    plan = prepare(small(count=2500, output__images_per_shard=1), tmp_path)
    assert "--array=0-999 " in (text := script(plan, ["x"], name="a.sh"))
    assert "--shard $SLURM_ARRAY_TASK_ID/1000" in text
    for option in ("array=3", "--time=3", "t 3", "wrap=x", "foo="):
        with pytest.raises(nb.NbnumbaError, match="--sbatch: found"):
            script(plan, ["x"], name="a.sh", options=[option])


def test_the_job_of_the_master_has_no_gpu(tmp_path):
    options = ["time=02:00:00", "partition=gpu", "gres=gpu:1", "gpus-per-task=1", "mem-per-gpu=9G", "cpus-per-task=8",
               "exclusive", "mem=4G"]  # fmt: skip
    lines = script(prepare(small(), tmp_path), ["x"], name="a.sh", options=options).splitlines()
    first, then = ([word for word in shlex.split(line) if word.startswith("--")] for line in lines[-2:])
    assert not [option for option in options if f"--{option}" not in " ".join(first)]
    assert then[3:-1] == ["--time=02:00:00", "--partition=gpu", "--mem=4G", "--cpus-per-task=1"]


# ---- Dask


def interrupt(*_):
    raise KeyboardInterrupt


def test_workers_of_dask_make_the_same(calm, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    from nbnumba.datasets.engines import distributed as engines_distributed
    from nbnumba.datasets.engines.distributed import Dask

    options = {"dashboard_address": None, "silence_logs": 50}
    with (
        warnings.catch_warnings(action="ignore"),  # of Dask's own
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, **options) as cluster,
    ):
        engine = Dask(cluster.scheduler_address)
        make_dataset(small(), tmp_path, share=(1, None))
        made = make_dataset(small(), tmp_path, engine, resume=True)
        assert made["made"] == COUNT - EACH
        assert contents(tmp_path) == calm
        with pytest.raises(nb.NbnumbaError, match="device"):
            make_dataset(small(count=EACH), tmp_path, engine, overwrite=True, device="abacus")
        monkeypatch.setattr(engines_distributed, "_gather", interrupt)
        with pytest.raises(KeyboardInterrupt, match="workers of Dask may go on"):
            make_dataset(small(), tmp_path / "other", engine)
    assert set(contents(tmp_path)) == {"manifest.json"}
    assert [line["event"] for line in read_log(tmp_path)] == ["failed"]  # once: the same would come again


def test_workers_of_another_version_are_refused(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    from nbnumba.datasets.engines import distributed as engine

    def later(_):
        monkeypatch.setattr(engine, "__version__", "8.8")  # all is in one process

    options = {"dashboard_address": None, "silence_logs": 50, "n_workers": 1, "processes": False}
    with warnings.catch_warnings(action="ignore"), distributed.LocalCluster(**options) as cluster:
        for there, here, hook in ((nb.__version__, "9.9", engine._check_versions), ("8.8", "9.9", later)):
            monkeypatch.setattr(engine, "__version__", here)
            monkeypatch.setattr(engine, "_check_versions", hook)
            with pytest.raises(nb.NbnumbaError, match=rf"found nbnumba {there} on the worker \S+; allowed: {here}"):
                make_dataset(small(), tmp_path, engine.Dask(cluster.scheduler_address), resume=True)
    assert set(contents(tmp_path)) == {"manifest.json"}


def test_workers_that_cannot_answer_are_left_to_dask():
    from nbnumba.datasets.engines import distributed as engine

    client = mock.Mock()
    client.run.return_value = {"a": nb.__version__, "b": OSError("timed out"), "c": RuntimeError("died")}
    engine._check_versions(client)
    client.run.return_value["d"] = ModuleNotFoundError("No module named 'nbnumba'")
    with pytest.raises(nb.NbnumbaError, match="No module named 'nbnumba' on the worker d; allowed"):
        engine._check_versions(client)


def test_clusters_that_cannot_be_are_refused():
    from nbnumba.datasets.engines.distributed import Dask

    with pytest.raises(nb.NbnumbaError, match="--dask: found 'nowhere'; allowed: an address as tcp"):
        Dask("nowhere")
    with pytest.raises(nb.NbnumbaError, match="--workers: found 3"):
        Dask("tcp://10.0.0.1:8786", 3)


# ---- the command


def test_the_command_counts_images(tmp_path, capsys):
    from nbnumba_cli.dataset_engines import in_words

    (tmp_path / "r.toml").write_text(BASE)
    words = ["dataset", tmp_path / "r.toml", "-o", tmp_path / "set"]
    assert invoke(*words, "--workers", 1, "--shard", "1/3", "--set", "output.images_per_shard=2").exit_code == 0
    result = invoke(*words, "--master")
    assert "2 files are missing: shard-00000.h5, shard-00002.h5" in result.stderr
    for share in ("x", "1/0", "-1", "1/"):
        assert "allowed: I or I/N" in invoke(*words, "--shard", share).stderr
    assert [in_words(s) for s in (59.2, 61, 3661)] == ["59 s", "1 min 1 s", "1 h 1 min"]


@pytest.mark.parametrize(
    ("left", "said"), [("", "no half-written file was left behind"), ("others go on", "others go on")]
)
def test_an_interrupt_tells_what_it_leaves(tmp_path, monkeypatch, capsys, left, said):
    def make(*_):
        raise KeyboardInterrupt(left)

    def end(code):
        raise SystemExit(code)

    (tmp_path / "r.toml").write_text(BASE)
    monkeypatch.setattr(dataset, "make", make)
    monkeypatch.setattr(main.interrupt, "listen", lambda: None)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(SystemExit, match="130"):
        main.main(["dataset", str(tmp_path / "r.toml"), "-o", str(tmp_path / "set")])
    assert f"Interrupted: {said}.\n" in capsys.readouterr().err


# ---- the same with all that there is: minutes


def start(folder, *words, **options):
    """The program, making the set in a folder."""
    (folder.parent / "r.toml").write_text(small(**LONG).to_toml())
    words = [sys.executable, "-m", "nbnumba_cli", "dataset", folder.parent / "r.toml", "-o", folder, "--json", *words]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish(process, seconds=120):
    """What a run says in the end, which is good."""
    said, errors = process.communicate(timeout=seconds)
    assert process.returncode == 0, errors
    return json.loads(said)


LONG = {"count": 60, "output__images_per_shard": 5}


@pytest.fixture(scope="module")
def long_calm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calm")
    make_dataset(small(**LONG), folder)
    return contents(folder)


def wait_until(true):
    for _ in range(1200):
        if found := true():
            return found
        time.sleep(0.05)
    raise TimeoutError


def files_in(folder):
    return sorted(folder.glob("shard-*.h5"))


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_is_taken_up(long_calm, tmp_path, sign):
    folder = tmp_path / "set"
    process = start(folder, "--workers", "2", start_new_session=True)
    wait_until(lambda: folder.is_dir() and files_in(folder) and writing(folder))
    if sign == signal.SIGINT:
        os.killpg(process.pid, sign)  # as Ctrl-C does
    else:
        process.send_signal(sign)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-sign if sign == signal.SIGKILL else 130), errors
    assert "Traceback" not in errors
    assert len(files_in(folder)) < len(shards(small(**LONG)))
    if sign == signal.SIGKILL:
        wait_until(lambda: not [path for _, path, written in hidden_in(folder) if written])
    else:
        assert hidden_in(folder) == []
    finish(start(folder, "--workers", "2", "--resume"))
    assert contents(folder) == long_calm


@pytest.mark.slow
def test_two_runs_at_once(long_calm, tmp_path):
    folder = tmp_path / "set"
    runs = [start(folder, "--resume", "--workers", "2") for _ in range(2)]
    made = [finish(run)["made"] for run in runs]
    assert LONG["count"] <= sum(made) < 2 * LONG["count"]  # at worst, what both were at in the end is made twice
    assert contents(folder) == long_calm


@pytest.mark.slow
def test_many_shares_at_once(long_calm, tmp_path):
    folder = tmp_path / "set"
    runs = [start(folder, "--shard", f"{i}/4", "--workers", "1") for i in range(4)]
    for run in runs:
        finish(run)
    finish(start(folder, "--master"))
    assert contents(folder) == long_calm


@pytest.mark.slow
def test_a_killed_worker_of_dask_is_replaced(long_calm, tmp_path):
    from nbnumba.datasets.engines.distributed import Dask

    victims = []

    def kill_one(done, total):
        if done and not victims:
            victims.extend(wait_until(lambda: writing(tmp_path))[:1])
            os.kill(victims[0], signal.SIGKILL)

    with warnings.catch_warnings(action="ignore"):
        make_dataset(small(**LONG), tmp_path, Dask("local", 2), progress=kill_one)
    assert victims
    assert contents(tmp_path) == long_calm


@pytest.mark.slow
def test_a_killed_driver_of_dask_loses_nothing(long_calm, tmp_path):
    folder = tmp_path / "set"
    process = start(folder, "--dask", "local", "--workers", "2")
    wait_until(lambda: folder.is_dir() and files_in(folder) and writing(folder))
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not [path for _, path, written in hidden_in(folder) if written])
    finish(start(folder, "--dask", "local", "--workers", "2", "--resume"))
    assert contents(folder) == long_calm


@pytest.mark.slow
def test_jobs_of_slurm(long_calm, tmp_path, sbatch):
    (tmp_path / "bin" / "sbatch").write_text(SBATCH_THAT_WORKS)
    folder = tmp_path / "set"
    finish(start(folder, "--slurm", str(tmp_path / "go.sh"), "--set", "output.images_per_shard=20"))
    subprocess.run(["bash", tmp_path / "go.sh"], check=True, stdout=subprocess.DEVNULL)
    wait_until((folder / "master.h5").exists)
    assert unfinished(folder) == []
    with h5py.File(folder / "master.h5") as master, h5py.File(io.BytesIO(long_calm["master.h5"])) as calm_master:
        for name in ("entry/nbnumba/content_hash", "entry/labels/digest"):
            np.testing.assert_array_equal(master[name][()], calm_master[name][()])


@pytest.mark.slow
def test_jobs_of_a_queue_that_dask_submits(long_calm, tmp_path, sbatch, monkeypatch):
    pytest.importorskip("dask_jobqueue")
    folder = tmp_path / "set"
    process = start(folder, "--dask", "slurm")
    assert "set jobqueue.slurm.cores and memory" in process.communicate(timeout=60)[1]
    (tmp_path / "bin" / "sbatch").write_text(SBATCH_THAT_WORKS)
    (tmp_path / "bin" / "scancel").write_text("#!/bin/bash\nkill $(cat $CALLS/pids)\n")
    (tmp_path / "bin" / "scancel").chmod(0o755)
    for name, value in (("CORES", "2"), ("MEMORY", "2GB"), ("LOCAL_DIRECTORY", str(tmp_path))):
        monkeypatch.setenv(f"DASK_JOBQUEUE__SLURM__{name}", value)
    finish(start(folder, "--dask", "slurm", "--workers", "2", "--resume", cwd=tmp_path), 60)
    assert contents(folder) == long_calm


MEMORY = """
import os, sys
from recipes import recipe
from nbnumba.datasets.engines.run import make_dataset

def rss():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

sizes = {}
make_dataset(recipe(count=400, output__images_per_shard=50), sys.argv[1],
             progress=lambda done, _: sizes.setdefault(done, rss()))
print(sizes[100], sizes[400])
"""


@pytest.mark.slow
def test_memory_stays_flat(tmp_path):
    result = subprocess.run([sys.executable, "-c", MEMORY, tmp_path], capture_output=True, text=True, check=False,
                            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, timeout=300)  # fmt: skip
    early, late = map(int, result.stdout.split())
    assert late - early < 4e6, result.stdout  # bytes; 300 images of 64 x 64 pixels are 5e6 and more
