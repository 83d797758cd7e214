"""Many jobs on the cores of one machine, or on a dask cluster; a process that dies does not stop the others."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")


def _always(job: object) -> bool:
    return True


def in_processes(
    task: Callable[[Job], Result], jobs: Sequence[Job], workers: int, may_start: Callable[[Job], bool] = _always
) -> Iterator[tuple[Job, Result | BaseException]]:
    """Run `task` on all jobs in `workers` processes of one thread each; yield each job with its result when it ends.

    A process that dies (killed for lack of memory, for example) breaks its whole pool, which does not say which job
    the process had. It was one of the first unfinished jobs: these are tried again, each alone, and then the rest
    together.

    Parameters
    ----------
    task
        A function that other processes can import. If it raises, the exception is yielded in place of the result.
    jobs
        Arguments of `task`.
    workers
        Number of processes; 0 runs the jobs in this process.
    may_start
        Asked just before a job starts; a job that may not start is left out.

    Raises
    ------
    RuntimeError
        If no process can be started, for example from a script without `if __name__ == "__main__":`.
    """
    if not workers:
        yield from _here(task, jobs, may_start)
        return
    pending = list(jobs)
    while pending:
        unfinished = []
        for job, outcome in _in_pool(task, pending, workers, may_start):
            if isinstance(outcome, BrokenProcessPool):
                unfinished.append(job)
            else:
                yield job, outcome
        unfinished.sort(key=pending.index)
        suspects, pending = unfinished[:workers], unfinished[workers:]
        for suspect in suspects:
            yield from _in_pool(task, [suspect], 1, may_start)


def in_client(
    task: Callable[[Job], Result],
    jobs: Sequence[Job],
    executor: Executor,
    workers: int,
    may_start: Callable[[Job], bool] = _always,
) -> Iterator[tuple[Job, Result | BaseException]]:
    """Run `task` on all jobs on the workers of a `dask.distributed` client, given as `client.get_executor()`."""
    yield from _submitted(task, jobs, executor, workers, may_start)


def _here(
    task: Callable[[Job], Result], jobs: Sequence[Job], may_start: Callable[[Job], bool]
) -> Iterator[tuple[Job, Result]]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for job in jobs:
            if may_start(job):
                yield job, task(job)
    finally:
        torch.set_num_threads(threads)


def _in_pool(
    task: Callable[[Job], Result], jobs: Sequence[Job], workers: int, may_start: Callable[[Job], bool]
) -> Iterator[tuple[Job, Result | BaseException]]:
    # Not fork: a forked process inherits the locks of torch's threads, and may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_start_worker)
    try:
        # The first task does nothing: if even that breaks the pool, the jobs are not the reason.
        if isinstance(pool.submit(os.getpid).exception(), BrokenProcessPool):
            raise RuntimeError(
                "no process could be started. A script that trains needs `if __name__ == '__main__':` around its call, "
                "because every process imports the script first"
            )
        yield from _submitted(task, jobs, pool, workers, may_start)
    finally:
        pool.shutdown(cancel_futures=True)


def _submitted(
    task: Callable[[Job], Result],
    jobs: Sequence[Job],
    executor: Executor,
    workers: int,
    may_start: Callable[[Job], bool],
) -> Iterator[tuple[Job, Result | BaseException]]:
    """Submit as many jobs as there are workers, and another one whenever one ends: `may_start` is asked in time."""
    waiting, running = deque(jobs), dict[Future[Result], Job]()
    while waiting or running:
        while waiting and len(running) < workers:
            job = waiting.popleft()
            try:
                if may_start(job):
                    running[executor.submit(task, job)] = job
            except BrokenProcessPool as error:  # A process died, and with it the pool.
                yield job, error
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.exception() or future.result()


def _start_worker() -> None:
    # The processes share the cores, and with more threads sums in another order would change the last digits.
    torch.set_num_threads(1)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """End this process when its parent ends: the pool of a parent that was killed would wait for jobs without end."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
