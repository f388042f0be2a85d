"""Running a model on a stream of feeds; outputs go to a file one feed at a time."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from fmpass.data import Samples


@dataclass(slots=True)
class Ran:
    """Outputs of the first feed by name, and the milliseconds that each feed took."""

    first: dict[str, Any] = field(default_factory=dict[str, Any])
    latency_ms: list[float] = field(default_factory=list[float])


class ArrayFile:
    """An .npz in the making: `NAME`, or `NAME/0`, `NAME/1` … where there is more than one feed."""

    def __init__(self, file: IO[bytes], numbered: bool) -> None:
        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._numbered = numbered

    def add(self, number: int, values: Mapping[str, Any]) -> None:
        """The outputs of one feed. Sequences and maps are no arrays and are left out."""
        import numpy as np

        for name, value in values.items():
            if not isinstance(value, np.ndarray):
                continue
            array = value.astype(np.str_) if value.dtype == object else value
            entry = zipfile.ZipInfo(f"{name}/{number}.npy" if self._numbered else f"{name}.npy")  # a date that is fixed
            with self._archive.open(entry, "w", force_zip64=True) as out:
                np.lib.format.write_array(out, array, allow_pickle=False)

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._archive.close()
            return
        with suppress(OSError, ValueError):  # the file is given up; the archive must not try once more on its own
            self._archive.close()


def run_into(
    file: IO[bytes], model: Path, samples: Samples, ran: Ran, progress: Callable[[int, int | None], None]
) -> None:
    """As `run_feeds`, with the outputs as an .npz in `file`."""
    with ArrayFile(file, numbered=samples.count != 1) as sink:
        run_feeds(model, samples, ran, progress, sink)


def run_feeds(
    model: Path,
    samples: Samples,
    ran: Ran,
    progress: Callable[[int, int | None], None],
    sink: ArrayFile | None = None,
) -> None:
    """Run `model` on every feed and note it in `ran`.

    Raises what make_session raises, and FM14x for a feed that onnxruntime refuses.
    """
    from fmpass.runtime import make_session
    from fmpass.runtime.session import explained, failures

    session = make_session(model)
    names = [output.name for output in session.get_outputs()]
    for number, feed in enumerate(samples):
        began = perf_counter()
        try:
            values = dict(zip(names, session.run(names, dict(feed)), strict=True))
        except failures() as error:
            raise explained(error, model.name) from error
        ran.latency_ms.append((perf_counter() - began) * 1e3)
        if number == 0:
            ran.first = values
        if sink is not None:
            sink.add(number, values)
        progress(number + 1, samples.count)
