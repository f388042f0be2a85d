"""`.npz` and `.npy` files, read a feed at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format

from fmpass.data.samples import Feed, Samples
from fmpass.data.signature import Array, InputSpec, fit_array, fit_feed, nearest
from fmpass.data.source import DataOptions
from fmpass.errors import UsageError

_LABELS = ("labels", "y")


@dataclass(frozen=True, slots=True)
class _Header:
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]


def npz_samples(path: Path, inputs: Sequence[InputSpec], options: DataOptions) -> Samples:
    """Samples of an .npz whose arrays are named as the inputs.

    `NAME/0`, `NAME/1` … hold several feeds. Else, where every input begins with the batch axis, rows are samples and
    a feed has `options.batch` of them (the last may be shorter); otherwise the arrays are one feed as they are.
    An array `labels` or `y` that is no input holds the labels. Raises UsageError FM030 for a file that is no .npz,
    FM031 for arrays that are missing or unknown, FM032, FM033 and FM036 for those that do not fit.
    """
    headers = _headers(path)
    names = {spec.name for spec in inputs}
    labels = next((key for key in _LABELS if key in headers and key not in names), None)
    arrays = {key: header for key, header in headers.items() if key != labels}
    y = None if labels is None else np.asarray(_load(path, labels), np.int64)
    numbered = any(key not in names and key.rpartition("/")[0] in names for key in arrays)
    if numbered:
        return _numbered(path, arrays, inputs, y)
    fit_feed_names(arrays, inputs, path.name)
    rows = batch_rows({name: arrays[name].shape for name in names}, inputs)
    if rows is None:
        _check_single(options, path.name)

        def make_one() -> Iterator[Feed]:
            yield fit_feed({name: _load(path, name) for name in names}, inputs, path.name)

        return Samples(make_one, path.name, 1, 1, y)
    batch = feed_rows(rows, inputs, options, path.name)

    def make() -> Iterator[Feed]:
        with ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(path))
            streams = {name: _Rows(stack.enter_context(archive.open(f"{name}.npy"))) for name in names}
            for start in range(0, rows, batch):
                feed = {name: stream.read(min(batch, rows - start)) for name, stream in streams.items()}
                yield fit_feed(feed, inputs, f"{path.name}, rows from {start}")

    return Samples(make, path.name, -(-rows // batch), rows, y)


def npy_samples(path: Path, inputs: Sequence[InputSpec], options: DataOptions) -> Samples:
    """Samples of an .npy, for a model with one input: rows as with .npz, else the array is the only feed."""
    if len(inputs) != 1:
        problem = f"one array, but the model has {len(inputs)} inputs"
        raise UsageError("FM031", where=path.name, problem=problem, hint="use an .npz with arrays named as the inputs")
    spec = inputs[0]
    array = _map(path)
    rows = batch_rows({spec.name: array.shape}, inputs)
    if rows is None:
        _check_single(options, path.name)
        return Samples(lambda: iter([{spec.name: fit_array(_map(path), spec, path.name)}]), path.name, 1, 1)
    batch = feed_rows(rows, inputs, options, path.name)

    def make() -> Iterator[Feed]:
        mapped = _map(path)
        for start in range(0, rows, batch):
            rows_here = np.array(mapped[start : start + batch])
            yield {spec.name: fit_array(rows_here, spec, f"{path.name}, rows from {start}")}

    return Samples(make, path.name, -(-rows // batch), rows)


def batch_rows(shapes: Mapping[str, tuple[int, ...]], inputs: Sequence[InputSpec]) -> int | None:
    """How many samples the rows of these arrays are, or None where the arrays are one feed as they stand.

    Rows are samples when every input has a first axis and all arrays agree on its length: the axis is open (a symbol
    or unknown), or fixed to one size for all. A fixed axis among open ones counts only if it is 1.
    """
    fixed: set[int] = set()
    for spec in inputs:
        if spec.shape is not None and not spec.shape:
            return None
        if spec.shape is not None and isinstance(spec.shape[0], int):
            fixed.add(spec.shape[0])
    lengths = {shape[0] if shape else -1 for shape in shapes.values()}
    if len(lengths) != 1 or -1 in lengths or len(fixed) > 1:
        return None
    every = all(spec.shape is not None and isinstance(spec.shape[0], int) for spec in inputs)
    if fixed and not every and fixed != {1}:
        return None
    return lengths.pop()


def feed_rows(rows: int, inputs: Sequence[InputSpec], options: DataOptions, where: str) -> int:
    """Rows in one feed: `options.batch`, or the size that the model fixes. Raises UsageError FM036 where they clash."""
    fixed = next((s.shape[0] for s in inputs if s.shape and isinstance(s.shape[0], int)), None)
    if fixed is None:
        return options.batch
    if options.batch not in (1, fixed):
        raise UsageError(
            "FM036",
            where=f"--batch {options.batch}",
            problem=f"the model's batch is fixed at {fixed}",
            hint="leave --batch away",
        )
    if fixed == 0 or rows % fixed:
        raise UsageError(
            "FM032",
            where=where,
            problem=f"{rows} rows do not divide into the model's batch of {fixed}",
            hint="drop or add rows",
        )
    return fixed


def fit_feed_names(arrays: Mapping[str, object], inputs: Sequence[InputSpec], where: str) -> None:
    """Raise UsageError FM031 unless `arrays` are named exactly as `inputs`."""
    names = [spec.name for spec in inputs]
    for key in arrays:
        if key not in names:
            raise UsageError(
                "FM031", where=where, problem=f"array '{key}' is no input of the model", hint=nearest(key, names)
            )
    for name in names:
        if name not in arrays:
            raise UsageError(
                "FM031",
                where=where,
                problem=f"no array for input '{name}'",
                hint=f"the file has: {', '.join(arrays) or 'no array'}",
            )


def _numbered(path: Path, arrays: Mapping[str, _Header], inputs: Sequence[InputSpec], y: Array | None) -> Samples:
    feeds: dict[int, dict[str, str]] = {}
    names = [spec.name for spec in inputs]
    for key in arrays:
        name, _, number = key.rpartition("/")
        if name not in names or not number.isdecimal():
            raise UsageError(
                "FM031",
                where=path.name,
                problem=f"array '{key}' is no feed of an input",
                hint=nearest(name or key, names),
            )
        feeds.setdefault(int(number), {})[name] = key
    for number in range(len(feeds)):
        if number not in feeds:
            raise UsageError(
                "FM031", where=path.name, problem=f"feed {number} is missing", hint="number feeds from 0 without gaps"
            )
        fit_feed_names(feeds[number], inputs, f"{path.name}, feed {number}")

    def make() -> Iterator[Feed]:
        for number in range(len(feeds)):
            arrays_here = {name: _load(path, key) for name, key in feeds[number].items()}
            yield fit_feed(arrays_here, inputs, f"{path.name}, feed {number}")

    return Samples(make, path.name, len(feeds), None, y)


def _check_single(options: DataOptions, where: str) -> None:
    if options.batch != 1:
        problem = "the arrays are one feed, because not every input begins with the batch axis"
        raise UsageError("FM036", where=f"{where}, --batch {options.batch}", problem=problem, hint="leave --batch away")


def _headers(path: Path) -> dict[str, _Header]:
    try:
        with zipfile.ZipFile(path) as archive:
            headers: dict[str, _Header] = {}
            for member in archive.namelist():
                if member.endswith(".npy"):
                    with archive.open(member) as stream:
                        headers[member[: -len(".npy")]] = _read_header(stream)
            return headers
    except (zipfile.BadZipFile, ValueError) as error:
        raise _unreadable(path, error) from None


def _read_header(stream: IO[bytes]) -> _Header:
    version = npy_format.read_magic(stream)
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return _Header(tuple(shape), fortran, dtype)


class _Rows:
    """Rows of one array, read from its (possibly deflated) stream as they are asked for."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._header = _read_header(stream)
        self._whole: Array | None = None
        self._next = 0

    def read(self, rows: int) -> Array:
        header, shape = self._header, (rows, *self._header.shape[1:])
        if header.fortran and len(header.shape) > 1:  # columns come first in the file: there is no reading by rows
            if self._whole is None:
                flat = np.frombuffer(self._stream.read(), header.dtype)
                self._whole = flat.reshape(header.shape, order="F")
            self._next += rows
            return np.ascontiguousarray(self._whole[self._next - rows : self._next])
        nbytes = int(np.prod(shape, dtype=np.int64)) * header.dtype.itemsize
        data = self._stream.read(nbytes)
        if len(data) != nbytes:
            raise UsageError(
                "FM030",
                where=getattr(self._stream, "name", ""),
                problem="the array ends early",
                hint="the file is truncated; write it again",
            )
        return np.frombuffer(data, header.dtype).reshape(shape)


def _load(path: Path, key: str) -> Array:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[key]
    except (ValueError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from None


def _map(path: Path) -> Array:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(
        "FM030", where=path.name, problem=f"cannot be read: {error}", hint="write it with numpy.savez or numpy.save"
    )
