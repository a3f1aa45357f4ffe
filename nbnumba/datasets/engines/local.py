"""Engine: processes of this machine.

One a core with one thread each make the most of a machine: what cannot be shared out among threads, such as labels and
writing, then goes on in all of them. Where there are fewer files than cores, processes get several threads.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import warnings
from collections import Counter
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from nbnumba._run import thread_limit
from nbnumba.datasets.cache import check_is_there
from nbnumba.datasets.engines.run import Work, in_this_process
from nbnumba.datasets.engines.upkeep import Queue, remove_leftover
from nbnumba.datasets.engines.worker import Failed, Images, Made, Warned, serve
from nbnumba.datasets.shard import Shard
from nbnumba.errors import NbnumbaJobError
from nbnumba.simulation import check_threads

_TRIES = 3  # processes that may die of one file
_START = '; a script that makes data sets does so below `if __name__ == "__main__":`'


class Local:
    """Engine: processes that are started anew where one dies.

    Args:
        workers: number of processes; None: as many as there are cores for. With 1 it is this process.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers

    def __call__(self, work: Work) -> None:
        """Make the files of a work."""
        check_is_there(work.device)
        check_threads(work.threads)
        workers, threads = shared_out(len(work.wanted), self.workers, work.threads)
        work = work._replace(threads=threads)
        if workers == 1:
            in_this_process(work)
            return
        with contextlib.closing(_Crew(work, workers)) as crew:
            crew.run()


def shared_out(files: int, workers: int | None, threads: int | None) -> tuple[int, int]:
    """Numbers of processes, and of threads for each, by the cores of this machine and what is given."""
    cores = thread_limit()
    if workers is None:
        workers = max(1, cores // (threads or 1))
    workers = min(workers, files)
    return workers, threads or max(1, cores // workers)


class _Worker:
    """A process, and the file that it makes now."""

    pipe: Connection
    shard: Shard | None = None
    spoke = False

    def __init__(self, work: Work, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.number = number
        self.pipe, theirs = context.Pipe()
        words = (theirs, work.recipe, work.folder, work.threads, device_of(work.device, number))
        self.process: SpawnProcess = context.Process(target=serve, args=words, daemon=True)
        with deaf():
            self.process.start()
        theirs.close()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def device_of(device: str, number: int) -> str:
    """The device of one of several processes: each GPU in turn where "cuda" is asked for, without saying which."""
    if device != "cuda":
        return device
    check_is_there(device)
    from numba import cuda

    return f"cuda:{number % len(cuda.gpus)}"


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Start processes that take no notice of Ctrl-C, which reaches all that a terminal has started."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which would let the signal through again as it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Crew:
    """Processes at work."""

    def __init__(self, work: Work, count: int) -> None:
        self._work, self._queue = work, Queue(work.recipe, work.folder, work.wanted)
        self._deaths: Counter[Shard] = Counter()
        self._workers: list[_Worker] = []
        self._count = count

    def run(self) -> None:
        """Make all files."""
        for number in range(self._count):
            self._start(number)
        while self._workers:
            pipes = {worker.pipe: worker for worker in self._workers}
            for pipe in wait(list(pipes)):
                self._hear(pipes[pipe])  # type: ignore[index]

    def close(self) -> None:
        """End all processes at once, and remove what they were at."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            self._bury(worker)
        self._workers.clear()

    def _start(self, number: int) -> None:
        shard = self._next()
        if shard is not None:
            self._workers.append(_Worker(self._work, number))
            self._give(self._workers[-1], shard)

    def _next(self) -> Shard | None:
        shard, others = self._queue.next()
        for other in others:
            self._work.tell.finished(other, None)
        return shard

    def _give(self, worker: _Worker, shard: Shard) -> None:
        worker.shard = shard
        with contextlib.suppress(OSError):  # it died; the next look at it finds out
            worker.pipe.send(shard)

    def _hear(self, worker: _Worker) -> None:
        try:
            said = worker.pipe.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        worker.spoke = True
        self._heed(worker, said)

    def _heed(self, worker: _Worker, said: Any) -> None:
        assert worker.shard is not None
        if isinstance(said, Images):
            self._work.tell.images(worker.shard, said.done)
        elif isinstance(said, Warned):
            warnings.warn(said.message, stacklevel=2)
        elif isinstance(said, Failed):
            raise said.error
        elif isinstance(said, Made):
            self._work.tell.finished(worker.shard, said.found)
            self._go_on(worker)

    def _go_on(self, worker: _Worker) -> None:
        shard = self._next()
        if shard is not None:
            self._give(worker, shard)
            return
        worker.kill()
        self._workers.remove(worker)  # last: an interrupt leaves it to ``close``

    def _replace(self, worker: _Worker) -> None:
        """Have another process make the file of one that died."""
        shard = worker.shard
        assert shard is not None
        self._bury(worker)
        self._workers.remove(worker)  # last: an interrupt leaves it to ``close``
        self._work.tell.lost(shard)
        self._deaths[shard] += 1
        if self._deaths[shard] == _TRIES:
            raise NbnumbaJobError(f"{shard.name}: {_TRIES} processes that were to make it died{_why(worker)}")
        self._queue.put_back(shard)
        self._start(worker.number)

    def _bury(self, worker: _Worker) -> None:
        worker.kill()
        if worker.shard is not None and worker.process.pid is not None:
            remove_leftover(self._work.folder, worker.shard, worker.process.pid)


def _why(worker: _Worker) -> str:
    code = worker.process.exitcode
    if code == -signal.SIGKILL:
        return ", the last one of signal 9, which a machine short of memory sends; try fewer --workers"
    return f", the last one with exit code {code}" + ("" if worker.spoke else _START)
