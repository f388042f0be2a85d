"""Work in forked processes: what kills one of them is known, and the others go on."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import IO, Any

Stage = Callable[[str], None]
"""Called by the work to say what it does next, so that a death can be told from what came before."""
Work = Callable[[int, Stage], Any]

_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one item may take: seconds, and bytes of address space. A process works on `items` items. None: any."""

    seconds: float = 120.0
    nbytes: int | None = None
    items: int | None = None


@dataclass(frozen=True, slots=True)
class Death:
    """A process ended on an item. `how` is the signal or limit, `stage` what it did, `words` the end of its stderr."""

    how: str
    stage: str
    words: str


class _Worker:
    """A forked process and the item that it works on."""

    def __init__(self, work: Work, limits: Limits) -> None:
        self.limits = limits
        self.item: int | None = None
        self.given = 0
        self.stage = ""
        self.began = 0.0
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the worker
        self.pipe, theirs = _FORK.Pipe()
        self.process = _FORK.Process(target=_serve, args=(theirs, work, limits, self._stderr.fileno()), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, item: int) -> None:
        self.item, self.stage, self.began = item, "", time.monotonic()
        self.given += 1
        self.pipe.send(item)

    @property
    def overdue(self) -> bool:
        return self.item is not None and time.monotonic() - self.began > self.limits.seconds

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()
        self._stderr.close()

    def death(self, how: str = "") -> Death:
        """Why the process is no more. Ends it where it still is."""
        if how:
            self.process.kill()
        self.process.join()
        code = self.process.exitcode or 0
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - 400))
        words = " ".join(self._stderr.read().decode(errors="replace").split())
        return Death(how or (signal.Signals(-code).name if code < 0 else f"exit {code}"), self.stage, words)


def run(items: Iterator[int], work: Work, count: int, limits: Limits) -> Iterator[tuple[int, Any | Death]]:
    """(item, what `work` gave or the Death of its process) in the order in which they end, from `count` processes.

    `work` runs in a fork of this process, so it may use all that is loaded here. Whatever it raises ends its process.
    """
    crew = [_Worker(work, limits) for _ in range(count)]
    try:
        for worker in crew:
            _next(worker, items)
        while any(worker.item is not None for worker in crew):
            busy = {worker.pipe: worker for worker in crew if worker.item is not None}
            for pipe in wait(list(busy), timeout=0.2):
                yield from _heard(busy[pipe], items, crew, work)  # pyright: ignore[reportArgumentType]
            for worker in [w for w in crew if w.overdue]:
                item = worker.item
                death = worker.death(f"longer than {limits.seconds:g} s")
                yield item or 0, death
                _replace(worker, items, crew, work)
    finally:
        for worker in crew:
            worker.end()


def _heard(worker: _Worker, items: Iterator[int], crew: list[_Worker], work: Work) -> Iterator[tuple[int, Any | Death]]:
    item = worker.item
    assert item is not None
    try:
        kind, value = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        yield item, worker.death()
        _replace(worker, items, crew, work)
        return
    if kind == "stage":
        worker.stage = value
        return
    yield item, value
    if worker.given == worker.limits.items:
        _replace(worker, items, crew, work)
    else:
        _next(worker, items)


def _next(worker: _Worker, items: Iterator[int]) -> None:
    worker.item = None
    item = next(items, None)
    if item is not None:
        worker.give(item)


def _replace(worker: _Worker, items: Iterator[int], crew: list[_Worker], work: Work) -> None:
    worker.end()
    fresh = _Worker(work, worker.limits)
    crew[crew.index(worker)] = fresh
    _next(fresh, items)


def _serve(pipe: Connection, work: Work, limits: Limits, stderr: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    sys.stderr.flush()
    os.dup2(stderr, 2)
    if limits.nbytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (limits.nbytes, limits.nbytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            item = pipe.recv()
        except EOFError:
            os._exit(0)
        pipe.send(("done", work(item, lambda stage: pipe.send(("stage", stage)))))
