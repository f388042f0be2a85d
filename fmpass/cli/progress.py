"""A bar on stderr for what takes longer than a second; nothing where nobody looks."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from fmpass.cli.options import Common

PATIENCE_SECONDS = 1.0


class Bar:
    """`with Bar("verifying", common) as bar: … bar.update(done, total)`.

    The bar appears after `PATIENCE_SECONDS`, on a terminal only, never with --json or -q, and is gone at the end.
    Without `update` it moves to and fro.
    """

    def __init__(self, label: str, common: Common) -> None:
        self._label = label
        self._wanted = sys.stderr.isatty() and not common.json and not common.quiet
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._bar: tuple[Progress, TaskID] | None = None
        self._done: tuple[int, int | None] = (0, None)
        self._ended = False

    def __enter__(self) -> Bar:
        if self._wanted:
            self._timer = threading.Timer(PATIENCE_SECONDS, self._show)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._ended = True
            if self._bar is not None:
                self._bar[0].stop()

    def update(self, done: int, total: int | None) -> None:
        """`done` of `total` steps; None where the number is not known."""
        with self._lock:
            self._done = (done, total)
            if self._bar is not None:
                self._bar[0].update(self._bar[1], completed=done, total=total)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        with self._lock:
            if self._ended:
                return
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            progress = Progress(*columns, console=Console(stderr=True), transient=True)
            task = progress.add_task(self._label, completed=self._done[0], total=self._done[1])
            self._bar = (progress, task)
            progress.start()
