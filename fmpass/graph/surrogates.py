"""Look-alikes for operators that ONNX's inference does not know: the same types and shapes under a standard name.

Only the throw-away copy that inference runs on is changed. Inputs are picked so that the element type of the result
is right too; ONNX's inference does not check type constraints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_MS = "com.microsoft"

SURROGATES: dict[tuple[str, str], tuple[str, tuple[int, ...]]] = {
    (_MS, "QLinearAdd"): ("Add", (0, 3)),
    (_MS, "QLinearMul"): ("Mul", (0, 3)),
    (_MS, "QLinearAveragePool"): ("AveragePool", (0,)),
    (_MS, "QLinearGlobalAveragePool"): ("GlobalAveragePool", (0,)),
    (_MS, "QLinearLeakyRelu"): ("LeakyRelu", (0,)),
    (_MS, "QLinearSigmoid"): ("Sigmoid", (0,)),
    (_MS, "QLinearSoftmax"): ("Sigmoid", (0,)),
    (_MS, "QLinearConcat"): ("Concat", ()),
    (_MS, "QGemm"): ("Gemm", (0, 3)),
    (_MS, "FusedConv"): ("Conv", (0, 1)),
    (_MS, "FusedMatMul"): ("MatMul", (0, 1)),
    (_MS, "FusedGemm"): ("Gemm", (0, 1)),
    (_MS, "Gelu"): ("Sigmoid", (0,)),
    (_MS, "FastGelu"): ("Sigmoid", (0,)),
    (_MS, "BiasGelu"): ("Sigmoid", (0,)),
    (_MS, "QuickGelu"): ("Sigmoid", (0,)),
    (_MS, "BiasSplitGelu"): ("Sigmoid", (0,)),
    (_MS, "SkipLayerNormalization"): ("Sigmoid", (0,)),
    (_MS, "SkipSimplifiedLayerNormalization"): ("Sigmoid", (0,)),
    ("", "SimplifiedLayerNormalization"): ("Sigmoid", (0,)),
    (_MS, "QuantizeLinear"): ("QuantizeLinear", (0, 1, 2)),
    (_MS, "DequantizeLinear"): ("DequantizeLinear", (0, 1, 2)),
}
"""(domain, operator) → (standard operator, inputs that it takes); no inputs means every third one from the third."""

_KEPT = {
    "Conv": {"dilations", "group", "kernel_shape", "pads", "strides", "auto_pad"},
    "AveragePool": {"auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides"},
    "Gemm": {"transA", "transB"},
    "Concat": {"axis"},
    "QuantizeLinear": {"axis"},
    "DequantizeLinear": {"axis"},
}


def substitute(node: onnx.NodeProto) -> None:
    """Change `node`, which must be one of SURROGATES, into its look-alike.

    Operators whose attributes change the shape in ways that the look-alike cannot express are left as they are.
    """
    op_type, picked = SURROGATES[node.domain, node.op_type]
    attributes = {a.name: a for a in node.attribute}
    if any(a.i for name, a in attributes.items() if name in ("channels_last", "transBatchA", "transBatchB")):
        return
    if op_type == "MatMul" and any(a.i for name, a in attributes.items() if name in ("transA", "transB")):
        return
    inputs = [node.input[i] for i in picked if i < len(node.input)] if picked else list(node.input[2::3])
    kept = [a for name, a in attributes.items() if name in _KEPT.get(op_type, ())]
    outputs = list(node.output[:1])
    node.domain, node.op_type = "", op_type
    for field, values in ((node.input, inputs), (node.output, outputs)):
        del field[:]
        field.extend(values)
    del node.attribute[:]
    node.attribute.extend(kept)
