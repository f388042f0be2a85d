"""`open_data`: from what the user names to Samples."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fmpass.data.samples import Samples
from fmpass.data.signature import InputSpec
from fmpass.errors import UsageError

_RANDOM = re.compile(r"random:(\d+)")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_FORMS = "an .npz or .npy file, a folder of images, random:N, or package.module:function"

Source = str | Path | Callable[[], Iterable[Mapping[str, Any]]] | Iterable[Mapping[str, Any]] | Samples


@dataclass(frozen=True, slots=True)
class DataOptions:
    """How to read the data. `dims` gives symbolic dimensions of generated data a size; `seed` is theirs too."""

    batch: int = 1
    preprocess: Path | None = None
    dims: Mapping[str, int] = field(default_factory=dict[str, int])
    seed: int = 0


def open_data(source: Source, inputs: Sequence[InputSpec], options: DataOptions = DataOptions()) -> Samples:
    """Samples of `source` for a model with these `inputs`.

    `source` is a text as `--data` takes it, a path, an iterable of `{input: array}` (a list, a generator,
    onnxruntime's CalibrationDataReader) or a function returning one. Feeds are checked when they are drawn.
    Raises UsageError FM030 where nothing of that name exists, FM036 for options that do not fit.
    """
    if options.batch < 1:
        raise UsageError("FM036", where="--batch", problem=f"{options.batch} is no batch size", hint="1 or more")
    if isinstance(source, Samples):
        return source
    if not isinstance(source, str | Path):
        from fmpass.data.iterables import iterable_samples

        return iterable_samples(source, inputs)
    text, path = str(source), Path(source)
    if path.is_dir():
        from fmpass.data.images import image_samples

        return image_samples(path, inputs, options)
    if path.is_file():
        from fmpass.data.arrays import npy_samples, npz_samples

        readers = {".npz": npz_samples, ".npy": npy_samples}
        if path.suffix not in readers:
            raise UsageError(
                "FM030", where=path.name, problem=f"data files of type '{path.suffix}' are not read", hint=_FORMS
            )
        return readers[path.suffix](path, inputs, options)
    if match := _RANDOM.fullmatch(text):
        from fmpass.data.generated import generated_samples

        return generated_samples(int(match[1]), inputs, options)
    if _FUNCTION.fullmatch(text):
        from fmpass.data.iterables import iterable_samples, named_function

        return iterable_samples(named_function(text), inputs, text)
    raise UsageError("FM030", where=text, problem="no such data", hint=f"give {_FORMS}")
