"""The zero point of an integer tensor, where the operator that computes it carries it as a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx_ir as ir

_INPUT: dict[tuple[str, str], int] = {
    ("", "QuantizeLinear"): 2,
    ("com.microsoft", "QuantizeLinear"): 2,
    ("", "QLinearConv"): 7,
    ("com.microsoft", "QLinearConv"): 7,
    ("", "QLinearMatMul"): 7,
    ("com.microsoft", "QLinearAdd"): 7,
    ("com.microsoft", "QLinearMul"): 7,
    ("com.microsoft", "QLinearAveragePool"): 4,
    ("com.microsoft", "QLinearGlobalAveragePool"): 4,
    ("com.microsoft", "QLinearLeakyRelu"): 4,
    ("com.microsoft", "QLinearSigmoid"): 4,
    ("com.microsoft", "QLinearSoftmax"): 4,
    ("com.microsoft", "QLinearConcat"): 1,
    ("com.microsoft", "QGemm"): 8,
}
"""(domain, operator) → which input holds the zero point of output 0."""


def of(value: ir.Value) -> int | None:
    """The zero point of `value`: None where it is unknown, computed, or not the same for all channels."""
    node = value.producer()
    place = _INPUT.get((node.domain, node.op_type)) if node is not None else None
    if node is None or place is None or value is not node.outputs[0]:
        return None
    holder = node.inputs[place] if place < len(node.inputs) else None
    if holder is None:
        return 0
    import onnx_ir as ir

    tensor = ir.convenience.get_const_tensor(holder)
    if tensor is None:
        return None
    try:
        array = tensor.numpy()
    except ValueError:  # its data does not fill its shape; runtimes say so
        return None
    points = np.unique(array.astype(np.int64))
    return int(points[0]) if points.size == 1 else None
