"""Engine: a cluster of Dask, over as many machines as it has; all of them see the folder.

Workers write files and send back what there is to tell of them, no images. Where one dies, others make its files; what
somebody has finished is not made again.
"""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from nbnumba import __version__
from nbnumba._run import thread_limit
from nbnumba.datasets.engines.local import deaf, device_of, shared_out
from nbnumba.datasets.engines.run import Tell, Work
from nbnumba.datasets.engines.upkeep import Stamp, made_since, stamp
from nbnumba.datasets.recipe import Recipe
from nbnumba.datasets.shard import Shard, write_shard
from nbnumba.errors import NbnumbaError, NbnumbaJobError

_RETRIES = 2  # of a file whose making raised an error, other than those that come again
_QUEUES = ("slurm", "pbs", "sge", "lsf", "htcondor", "oar", "moab")
_SECONDS = 30  # that a scheduler has to answer
_GO_ON = "workers of Dask may go on with the files that they are at"


class Dask:
    """Engine: workers of a Dask cluster.

    Args:
        address: of its scheduler, as "tcp://10.0.0.1:8786"; or "local": processes of this machine; or "slurm", "pbs",
            "sge", "lsf", "htcondor", "oar" or "moab": jobs of that queue, as dask-jobqueue is configured.
        workers: processes to ask a local cluster or a queue for; None: one a core, or 1.
    """

    def __init__(self, address: str, workers: int | None = None) -> None:
        self.address, self.workers = address, workers
        if "://" not in address and address not in ("local", *_QUEUES):
            raise NbnumbaError(
                f"--dask: found {address!r}; allowed: an address as tcp://10.0.0.1:8786, 'local', {', '.join(_QUEUES)}"
            )
        if "://" in address and workers is not None:
            raise NbnumbaError(f"--workers: found {workers} with --dask {address}; such a cluster has those it has")
        _distributed()

    def __call__(self, work: Work) -> None:
        """Make the files of a work."""
        if self.address == "local":
            workers, threads = shared_out(len(work.wanted), self.workers, work.threads)
        else:
            workers, threads = self.workers or 1, work.threads or 1
        run = f"nbnumba-{uuid.uuid4()}"
        job = _Job(run, work.folder.absolute(), threads, work.device, self.address == "local", __version__)
        with self._client(workers, threads) as client:
            _check_versions(client)
            client.register_plugin(_plugin(work.recipe), name=run)
            made = {
                client.submit(
                    _make, shard, stamp(work.folder, shard), job,
                    key=f"{shard.name}-{run}", pure=False, retries=_RETRIES,
                ): shard
                for shard in work.wanted
            }  # fmt: skip
            try:
                _gather(client, made, work.tell)
            except KeyboardInterrupt:
                raise KeyboardInterrupt("" if self.address == "local" else _GO_ON) from None
            finally:
                with contextlib.suppress(Exception):  # a cluster that has died has nothing to forget
                    client.cancel(list(made))
                    client.unregister_worker_plugin(run)

    @contextlib.contextmanager
    def _client(self, workers: int, threads: int) -> Iterator[Any]:
        from distributed import Client

        with contextlib.ExitStack() as opened:
            there = self.address if "://" in self.address else opened.enter_context(self._cluster(workers, threads))
            try:
                client = opened.enter_context(Client(there, timeout=_SECONDS, set_as_default=False))
            except (OSError, ValueError) as error:
                raise NbnumbaJobError(f"--dask: {self.address} does not answer: {error}") from None
            yield client

    def _cluster(self, workers: int, threads: int) -> Any:
        if self.address != "local":
            return _jobs(self.address, workers, threads)
        from distributed import LocalCluster

        quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
        with deaf():
            return LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, **quiet)


def _jobs(queue: str, workers: int, threads: int) -> Any:
    """Jobs of a queue, with as many processes each as its cores have room for."""
    try:
        import dask
        import dask_jobqueue
    except ImportError:
        raise NbnumbaError(f"--dask {queue}: dask-jobqueue is not installed; pip install 'nbnumba[dask]'") from None
    kind = next(kind for name, kind in vars(dask_jobqueue).items() if name.lower() == f"{queue}cluster")
    told = [dask.config.get(f"jobqueue.{queue}.{name}") for name in ("cores", "memory")]
    if None in told:
        raise NbnumbaError(
            f"--dask {queue}: dask-jobqueue does not know what a job has; set jobqueue.{queue}.cores and memory in "
            f"~/.config/dask/jobqueue.yaml, or DASK_JOBQUEUE__{queue.upper()}__CORES=16 and ..._MEMORY=32GB"
        )
    cluster = kind(processes=max(1, int(told[0]) // threads))
    cluster.scale(workers)
    return cluster


def _gather(client: Any, made: dict[Any, Shard], tell: Tell) -> None:
    """Wait for files, and tell of each."""
    from distributed import KilledWorker, as_completed

    for future in as_completed(list(made), loop=client.loop):
        try:
            found = future.result()
            if isinstance(found, NbnumbaError):
                raise found
            tell.finished(made[future], found)
        except KilledWorker as error:
            raise NbnumbaJobError(f"{made[future].name}: several workers of Dask that were to make it died; the last "
                                  f"one was {error.last_worker.address}") from None  # fmt: skip


def _distributed() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise NbnumbaError("--dask: Dask is not installed; pip install 'nbnumba[dask]'") from None


def _plugin(recipe: Recipe) -> Any:
    """What brings the recipe to every worker once, to those that come later too."""
    from distributed import WorkerPlugin

    class Plugin(WorkerPlugin):
        """The recipe of a data set."""

        def __init__(self) -> None:
            self.recipe = recipe

    return Plugin()


def _check_versions(client: Any) -> None:
    """Refuse workers with another nbnumba, or without it."""

    def version() -> str:  # within another function, so that workers are sent what it does, and not its name
        import nbnumba

        return nbnumba.__version__

    for worker, found in client.run(version, on_error="return").items():
        if found != __version__:
            raise _another(worker, found, __version__)


def _another(worker: str, found: object, here: str) -> NbnumbaError:
    return NbnumbaError(
        f"--dask: found nbnumba {found} on the worker {worker}; allowed: {here}, as here; install it there"
    )


class _Job(NamedTuple):
    """How files are made."""

    run: str  # name of the plugin
    folder: Path
    threads: int
    device: str
    one_machine: bool  # whose GPUs the workers share out; otherwise each sees its own, by CUDA_VISIBLE_DEVICES
    version: str  # of nbnumba


def _make(shard: Shard, before: Stamp, job: _Job) -> dict[str, Any] | NbnumbaError | None:
    """Make a file on a worker; None if somebody has done so since it had a stamp. An error would be tried again."""
    from distributed import get_worker

    worker = get_worker()
    if __version__ != job.version:  # on a worker that came later
        return _another(worker.address, __version__, job.version)
    recipe: Recipe = worker.plugins[job.run].recipe
    if made_since(recipe, shard, job.folder, before):
        return None
    threads = min(job.threads, thread_limit())
    try:
        device = device_of(job.device, int(worker.name)) if job.one_machine else job.device
        return write_shard(recipe, shard, job.folder, None, threads=threads, device=device)
    except NbnumbaError as error:
        return error
