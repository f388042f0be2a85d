"""A folder of pictures as feeds for a model with one image input."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmpass.data.arrays import feed_rows
from fmpass.data.preprocess import Preprocess, read_preprocess
from fmpass.data.samples import Feed, Samples
from fmpass.data.signature import Array, InputSpec, fit_array, nearest
from fmpass.data.source import DataOptions
from fmpass.errors import EnvironmentFailure, UsageError

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


def image_samples(folder: Path, inputs: Sequence[InputSpec], options: DataOptions) -> Samples:
    """Samples of the pictures in `folder` and its sub-folders, in the order of their paths.

    Labels come from `labels.csv` in the folder (columns file, label), else from sub-folder names: numbers as they
    are, other names by their place in the alphabet. Raises UsageError FM034 without a preprocess file, FM035 for a
    folder that does not serve, EnvironmentFailure FM530 without pillow.
    """
    pil = _pillow()
    if len(inputs) != 1:
        problem = f"pictures feed one input, the model has {len(inputs)}"
        raise UsageError(
            "FM035", where=folder.name, problem=problem, hint="give an .npz with arrays named as the inputs"
        )
    if options.preprocess is None:
        problem = "a folder of pictures needs to know how they become arrays"
        raise UsageError(
            "FM034",
            where=folder.name,
            problem=problem,
            hint="add --preprocess FILE.toml with size, channels, scale, mean, std",
        )
    steps, spec = read_preprocess(options.preprocess), inputs[0]
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
    if not files:
        raise UsageError(
            "FM035",
            where=folder.name,
            problem="there is no picture in it",
            hint=f"known endings: {', '.join(sorted(_SUFFIXES))}",
        )
    batch = feed_rows(len(files), inputs, options, folder.name)

    def make() -> Iterator[Feed]:
        for start in range(0, len(files), batch):
            some = files[start : start + batch]
            yield {spec.name: _feed([_array(pil, path, folder, steps, spec) for path in some], spec, some[0].name)}

    return Samples(make, folder.name, -(-len(files) // batch), len(files), _labels(folder, files, steps.label_offset))


def _feed(arrays: list[Array], spec: InputSpec, where: str) -> Array:
    if len({a.shape for a in arrays}) > 1:
        problem = "pictures of different sizes do not fit into one batch"
        raise UsageError("FM032", where=where, problem=problem, hint="set size in the preprocess file, or --batch 1")
    return fit_array(np.stack(arrays), spec, where)


def _array(pil: ModuleType, path: Path, folder: Path, steps: Preprocess, spec: InputSpec) -> Array:
    try:
        with pil.open(path) as picture:
            return steps.apply(picture, spec)
    except (OSError, SyntaxError) as error:  # pillow's PNG reader raises SyntaxError for broken files
        where = str(path.relative_to(folder))
        raise UsageError(
            "FM035", where=where, problem=f"not a picture: {error}", hint="remove or replace the file"
        ) from None


def _labels(folder: Path, files: list[Path], offset: int) -> NDArray[np.int64] | None:
    table = folder / "labels.csv"
    if table.is_file():
        known = _read_table(table)
        keys = [p.relative_to(folder).as_posix() for p in files]
        for key in keys:
            if key not in known:
                raise UsageError(
                    "FM035", where=table.name, problem=f"no label for '{key}'", hint=nearest(key, list(known)[:10_000])
                )
        return np.array([known[key] + offset for key in keys], np.int64)
    parents = [p.relative_to(folder).parts[:-1] for p in files]
    if not all(parents):
        return None
    names = sorted({parts[0] for parts in parents})
    numbers = {name: int(name) if all(n.isdecimal() for n in names) else i for i, name in enumerate(names)}
    return np.array([numbers[parts[0]] + offset for parts in parents], np.int64)


def _read_table(table: Path) -> dict[str, int]:
    labels: dict[str, int] = {}
    with table.open(newline="", encoding="utf-8") as stream:
        for number, row in enumerate(csv.reader(stream), 1):
            if number == 1 and row[:2] == ["file", "label"]:
                continue
            if len(row) < 2 or not row[1].strip().lstrip("-").isdecimal():
                raise UsageError(
                    "FM035",
                    where=f"{table.name}, line {number}",
                    problem="not `file,label`",
                    hint="label is a class number",
                )
            labels[row[0]] = int(row[1])
    return labels


def _pillow() -> Any:
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise EnvironmentFailure(
            "FM530",
            where="--data",
            problem="reading pictures needs the package pillow",
            hint="pip install 'fmpass[images]'",
        ) from None
    return Image
