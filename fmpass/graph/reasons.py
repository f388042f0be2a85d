"""Why an edge is left alone, in the words that people read. {} stands for an operator or an unfolded function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fmpass.dtypes import LEFT_ALONE, by_onnx

if TYPE_CHECKING:
    import onnx_ir as ir

    from fmpass.graph.shapes import ValueType

ALIAS = "the same bytes as its source under another shape"
MOVED = "elements moved, pooled or resized, not computed: not counted as a tensor of its own"
INDEX = "a shape, index or condition, not a feature map"
OF_A_BODY = "the result of a body, counted inside it"
REDUCED = "a reduction, not a feature map"
DEQUANTISED = "the real values of an integer tensor: the inside of an integer kernel"
CONSTANT = "a constant"
QUANTISED_INPUT = "the model's own input, quantised"
SCALE = "a scale or zero point"
QUANTISED_NEXT = "the inside of an integer kernel: QuantizeLinear follows"
SCALED_NEXT = "the inside of an integer kernel: its sums are scaled next"
SCORES = "attention scores: softmax follows in the same kernel"
IN_COMPOSITE = "the inside of {}"
FUSED = "the inside of a fused region: {} follows"
INPUT = "an input of the model, not an activation"
RESULT = "an output of the model that no node reads"
UNREAD = "an input that no node reads"
HANDED_OUT = "an input that is an output as it is: there is no room for a pair between two names of the signature"
WEIGHT = "an initializer, also where it is an output"
NO_FEATURES = "integer arithmetic on shapes, indices or conditions, not a feature map"
UNKNOWN_TYPE = "its element type is unknown: shape inference stops before it"
IN_SCAN = "its rank is unknown, and onnxruntime runs a Scan only where it can infer the rank of what its body gives"
IN_FUNCTION = (
    "its rank is unknown, and behind a pair in a model-local function onnxruntime could not tell its type then"
)
VARIES = "its element type is not the same in all calls of its model-local function"
OVERWRITTEN = "running statistics of a training BatchNormalization, over which onnxruntime writes the new ones"
NOT_CALLED = "inside a model-local function that nothing calls"
NO_CAST = "inside a model-local function whose opset has no Cast for it, which would tell onnxruntime its type"

_CASTS_SINCE = {"bfloat16": 13, "float8": 19, "int4": 21, "uint4": 21}
"""Opset since which Cast takes types that it has not always taken, by the beginning of their names."""


def of_type(kind: ValueType) -> str:
    """Why a tensor of this type cannot travel as a payload, or ""."""
    if kind.container:
        article = "an" if kind.container == "optional" else "a"
        return f"{article} {kind.container}, not a dense tensor"
    if kind.varies:
        return VARIES
    if not kind.onnx:
        return UNKNOWN_TYPE
    if by_onnx(kind.onnx) is None:
        return LEFT_ALONE.get(kind.onnx, f"element type {kind.onnx} is not carried")
    return ""


def of_readers(value: ir.Value) -> str:
    """Why the readers of a tensor need it as it is, or "".

    onnxruntime's BatchNormalization declares outputs 1 and 2 to share the memory of inputs 3 and 4, and writes over
    what was restored there: nobody could compare it afterwards, and other readers may come too late.
    """
    for user, index in value.uses():
        if user.op_type == "BatchNormalization" and not user.domain and index in (3, 4) and len(user.outputs) > 1:
            return OVERWRITTEN
    return ""


def in_function(kind: ValueType, opset: int, called: bool) -> str:
    """Why a tensor cannot have a pair in a function that imports this opset of the standard operators (0: none)."""
    if not called:
        return NOT_CALLED
    dtype, why = by_onnx(kind.onnx), of_type(kind)
    if why or dtype is None:
        return why
    if kind.shape is None:
        return IN_FUNCTION
    since = next((opset for name, opset in _CASTS_SINCE.items() if dtype.name.startswith(name)), 6)
    return "" if opset >= since else NO_CAST
