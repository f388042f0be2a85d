"""Sessions of a model that give inner values as further outputs."""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fmpass.dtypes import of_array
from fmpass.measure.tensors import carried, from_array, view

if TYPE_CHECKING:
    import onnx
    import onnxruntime

Value = Any
"""A Tensor; else what onnxruntime gives for strings, sequences, maps and optionals."""


class Tapped:
    """A session of one model together with the names of its tapped values.

    `run` gives outputs and taps as raw tensors: no conversion, so bfloat16, 8-bit floats and 4-bit integers too.
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        types = {o.name: o.type for o in session.get_outputs()}
        self._names = list(types)
        self._plain = [n for n, t in types.items() if t.startswith("tensor(") and t != "tensor(string)"]

    def run(self, feed: Mapping[str, Any], names: Sequence[str] | None = None) -> dict[str, Value]:
        """Values by name, all outputs unless `names` are given."""
        wanted = self._names if names is None else list(names)
        if not all(_plain_input(v) for v in feed.values()):
            return {n: _wrap(v) for n, v in zip(wanted, self._session.run(wanted, dict(feed)), strict=True)}
        given = {name: _ortvalue(value) for name, value in feed.items()}
        plain = [n for n in wanted if n in self._plain]
        values: dict[str, Value] = {}
        if plain:
            for name, value in zip(plain, self._session.run_with_ort_values(plain, given), strict=True):
                seen = view(value)
                if seen is not None:
                    values[name] = seen
        rest = [n for n in wanted if n not in values]
        if rest:
            values |= zip(rest, (_wrap(v) for v in self._session.run(rest, dict(feed))), strict=True)
        return {name: values[name] for name in wanted}


@contextmanager
def tapped(
    proto: onnx.ModelProto, base: Path | None, taps: Sequence[str], session: Any, optimized: bool = False
) -> Generator[Tapped, None, None]:
    """A session of `proto` whose values `taps` are outputs too; `proto` is as it was afterwards.

    `base` is the folder of its external data. `session(model, sess_options)` makes the session. `optimized` asks for
    the default optimisation level, else every optimisation is off.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # a planned block beside the arena's own would double the memory
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    outputs = proto.graph.output
    before = len(outputs)
    have = {o.name for o in outputs}
    for name in dict.fromkeys(taps):
        if name not in have:
            outputs.add(name=name)  # onnxruntime infers the type
    try:
        data = proto.SerializeToString()
    finally:
        del outputs[before:]
    if base is None or not _has_external(proto):
        opened = session(data, options)
    else:
        # packed copies of large weights would cost more memory and time than a few runs gain; unpacked they stay mapped
        options.add_session_config_entry("session.disable_prepacking", "1")
        opened = _beside_the_data(data, base, session, options)
    del data
    yield Tapped(opened)


def _beside_the_data(data: bytes, base: Path, session: Any, options: Any) -> Any:
    """A session of a model whose weights lie in `base`.

    External locations are relative to the model's folder, so the file lies there while it is loaded. Where nothing can
    be written, the newer runtimes take the folder as an option (1.18 and 1.20 do not).
    """
    try:
        handle, name = tempfile.mkstemp(prefix=".fmpass-verify-", suffix=".onnx", dir=base)
    except OSError:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(base))
        return session(data, options)
    try:
        with os.fdopen(handle, "wb") as file:  # closed before it is loaded: Windows locks open files
            file.write(data)
        return session(name, options)
    finally:
        Path(name).unlink()


def _has_external(proto: onnx.ModelProto) -> bool:
    from fmpass.graph.files import external_tensors

    return next(external_tensors(proto), None) is not None


def _plain_input(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind not in "OSU"


def _ortvalue(array: np.ndarray[Any, Any]) -> Any:
    import onnxruntime as ort

    if array.dtype.kind in "biuf" and array.dtype.isbuiltin == 1:  # 2 is for types that a package has registered
        return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array).reshape(array.shape))
    dtype = of_array(array) if carried(array.dtype) else None
    if dtype is not None and dtype.bits >= 8:  # bfloat16 and 8-bit floats travel as their words
        words = dtype.to_words(array).view(dtype.word_dtype.str.replace("i", "u"))
        return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(words.reshape(array.shape), dtype.onnx)
    number, data = (dtype.onnx, dtype.to_words(array).tobytes()) if dtype is not None else _packed(array)
    value = ort.OrtValue.ortvalue_from_shape_and_type(list(array.shape), number)  # numpy has no packed types
    ctypes.memmove(value.data_ptr(), data, len(data))
    return value


def _packed(array: np.ndarray[Any, Any]) -> tuple[int, bytes]:
    """ONNX number and bytes of an array whose type payloads do not carry."""
    from onnx import numpy_helper

    tensor = numpy_helper.from_array(array)
    return tensor.data_type, tensor.raw_data


def _wrap(value: Any) -> Value:
    if isinstance(value, np.ndarray) and carried(value.dtype):
        return from_array(value)
    return value
