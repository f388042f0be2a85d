"""Models in plain onnxruntime at ORT_DISABLE_ALL, with inputs and outputs of any type as their bytes.

Written for the conformance run alone, not on the product's own way of feeding and comparing, which it checks.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import onnx
from corpus import Case, Feed
from onnx import numpy_helper

_NARROW = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2}
_BITS = {onnx.TensorProto.DataType.Value(n): b for n, b in _NARROW.items() if n in onnx.TensorProto.DataType.keys()}  # noqa: SIM118
_STRING = onnx.TensorProto.STRING


def options() -> Any:
    """No optimisation, one thread, no log."""
    import onnxruntime as ort

    found = ort.SessionOptions()
    found.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    found.log_severity_level = 4
    found.intra_op_num_threads = 1
    found.enable_mem_pattern = False
    return found


def plain_session(model: onnx.ModelProto) -> Any:
    """A session that knows nothing of fmpass."""
    import onnxruntime as ort

    ort.set_default_logger_severity(4)
    return ort.InferenceSession(model.SerializeToString(), options(), providers=["CPUExecutionProvider"])


def run(session: Any, model: onnx.ModelProto, feed: Feed) -> dict[str, Any]:
    """Outputs by name: (type, shape, bytes) of tensors, lists of these, None for an empty optional."""
    kinds = {info.name: info.type for info in (*model.graph.input, *model.graph.output)}
    names = [output.name for output in session.get_outputs()]
    if all(_plain_tensor(kinds[name]) for name in (*feed.inputs, *names)):
        given = {n: _ortvalue(v, kinds[n].tensor_type.elem_type) for n, v in feed.inputs.items()}
        return {n: _raw(v) for n, v in zip(names, session.run_with_ort_values(names, given), strict=True)}
    return {n: _boxed(v) for n, v in zip(names, session.run(names, feed.inputs), strict=True)}


def _plain_tensor(kind: onnx.TypeProto) -> bool:
    return kind.HasField("tensor_type") and kind.tensor_type.elem_type not in (0, _STRING)


def _ortvalue(array: Any, number: int) -> Any:
    """A value with the bytes of `array`, of any type: onnxruntime's way from numpy knows the builtin ones only."""
    import onnxruntime as ort

    if array.dtype.kind in "biuf" and array.dtype.isbuiltin == 1:
        return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array).reshape(array.shape))
    data = numpy_helper.from_array(array).raw_data
    value = ort.OrtValue.ortvalue_from_shape_and_type(list(array.shape), number)
    ctypes.memmove(value.data_ptr(), data, len(data))
    return value


def _raw(value: Any) -> Any:
    number, shape = value.element_type(), tuple(value.shape())
    bits = _BITS.get(number) or 8 * onnx.helper.tensor_dtype_to_np_dtype(number).itemsize
    nbytes = (int(np.prod(shape, dtype=np.int64)) * bits + 7) // 8
    return number, shape, ctypes.string_at(value.data_ptr(), nbytes) if nbytes else b""


def _boxed(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype == object:
        return _STRING, value.shape, tuple(value.ravel().tolist())
    if isinstance(value, np.ndarray):
        return onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape, value.tobytes()
    if isinstance(value, (list, tuple)):
        return [_boxed(item) for item in value]
    return value


def without_values(value: Any) -> Any:
    """The same with the type and shape of tensors only."""
    if isinstance(value, dict):
        return {name: without_values(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_values(item) for item in value]
    return value[:2] if isinstance(value, tuple) else value


def as_expected(outputs: dict[str, Any], feed: Feed, case: Case) -> bool:
    """Whether these are the outputs that the case expects, within its tolerance."""
    if feed.outputs is None:
        return True
    return len(outputs) == len(feed.outputs) and all(
        _close(value, wanted, case) for value, wanted in zip(outputs.values(), feed.outputs, strict=True)
    )


def _close(value: Any, wanted: Any, case: Case) -> bool:
    """Within the tolerance of the case, as onnx's own runner judges it."""
    if isinstance(wanted, list):
        same_length = isinstance(value, list) and len(value) == len(wanted)
        return same_length and all(_close(v, w, case) for v, w in zip(value, wanted, strict=True))
    if wanted is None or value is None:
        return value is wanted
    if not isinstance(value, tuple):
        return value == wanted
    number, shape, data = value
    if shape != wanted.shape:
        return False
    if number == _STRING:
        return list(data) == [str(w) for w in wanted.ravel().tolist()]
    if number != onnx.helper.np_dtype_to_tensor_dtype(wanted.dtype):
        return False
    array = numpy_helper.to_array(onnx.TensorProto(data_type=number, dims=shape, raw_data=data))
    rtol = case.rtol
    if array.dtype.isbuiltin != 1:  # numpy promotes no ml_dtypes
        rtol = max(rtol, 2**-6) if array.dtype.name == "bfloat16" else rtol
        array, wanted = array.astype(np.float32), wanted.astype(np.float32)
    with np.errstate(all="ignore"):
        return bool(np.allclose(array, wanted, rtol=rtol, atol=case.atol, equal_nan=True))
