"""Quantised models: pairs on the integer side, and the runtime still finds its integer kernels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import model

import fmpass
from fmpass import api
from fmpass.graph import edges, io

INTEGER = ("QLinear", "QGemm", "QAttention", "MatMulInteger", "ConvInteger", "DynamicQuantizeMatMul")
NAMES = [
    "cifar10_resnet20_qdq",
    "cifar10_resnet20_qop",
    "deeplabv3_mnv2_pascal_qdq",
    "mlperf_kws_dscnn_qdq",
    "mlperf_resnet8_qdq",
    "mobilenetv1_0.5_160_qdq",
    "mobilenetv2_1.0_qdq",
    "stm_resnet32_cifar100_qdq",
]


SIGNED = {"mlperf_kws_dscnn_qdq", "mlperf_resnet8_qdq", "stm_resnet32_cifar100_qdq"}
"""Models of signed tensors. x86 runtimes make them unsigned where QuantizeLinear and DequantizeLinear are neighbours,
and with a pair between them only an option keeps the integer kernels (docs/runtimes.md)."""


def _optimised(proto: onnx.ModelProto, folder: Path, signed_kernels: bool = False) -> Counter[str]:
    """Nodes by operator of what the default level makes of a model."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    if signed_kernels:
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    fmpass.make_session(proto, sess_options=options)
    return Counter(n.op_type for n in onnx.load(folder / "optimised.onnx").graph.node)


@pytest.mark.runtime
@pytest.mark.parametrize("name", NAMES)
def test_integer_kernels_are_kept(name: str, shared_data: Path, tmp_path: Path, library: str) -> None:
    proto = onnx.load(shared_data / "models" / f"{name}.onnx")
    before, after = (_optimised(m, tmp_path, name in SIGNED) for m in (proto, api.rewrite(proto)))
    kept = {op: count for op, count in before.items() if op.startswith(INTEGER)}
    assert kept["QLinearConv"] > 0 if "QLinearConv" in before else kept
    assert {op: after[op] for op in kept} == kept
    assert after["Conv"] == before["Conv"] and after["FusedConv"] == before["FusedConv"]


def test_pairs_are_on_the_integer_side(shared_data: Path) -> None:
    for name in NAMES:
        found = edges.edges(io.load(shared_data / "models" / f"{name}.onnx"))
        assert sum(e.dtype is not None and e.dtype.bits == 8 for e in found if e.eligible) > 0
        floats = [e.name for e in found if e.eligible and e.dtype is not None and e.dtype.kind == "float"]
        assert len(floats) <= 3, (name, floats)  # what is behind the last DequantizeLinear


DYNAMIC = """g (float[N,8] x) => (float[N,8] y) {
    r = Relu(x)
    q, s, z = DynamicQuantizeLinear(r)
    k = MatMulInteger(q, wq, z, wz)
    f = Cast<to=1>(k)
    t = Mul(s, ws)
    m = Mul(f, t)
    y = MatMul(m, w)
}"""
WEIGHTS = {
    "wq": np.arange(64, dtype=np.uint8).reshape(8, 8),
    "wz": np.array(3, np.uint8),
    "ws": np.array(0.1, np.float32),
    "w": np.eye(8, dtype=np.float32),
}


@pytest.mark.runtime
def test_dynamic_quantisation(tmp_path: Path, library: str) -> None:
    proto = model(DYNAMIC, WEIGHTS)
    stored = {e.name: e.dtype.name for e in edges.edges(io.load(proto)) if e.stored and e.dtype}
    assert stored == {"q": "uint8", "m": "float32"}
    after = _optimised(api.rewrite(proto), tmp_path)
    assert after["MatMulIntegerToFloat"] == 1 and after["Cast"] == 0
    report = api.verify(proto, api.rewrite(proto), "random:2")
    assert report.status == "passed" and report.identical


@pytest.mark.runtime
@pytest.mark.parametrize(
    ("kind", "opset"), [(TensorProto.INT4, 21), (TensorProto.UINT4, 21), (TensorProto.FLOAT8E4M3FN, 19)]
)
def test_narrow_weights_are_no_edges(kind: int, opset: int, library: str) -> None:
    """Weights of 4 bits or 8-bit floats are constants; what is between QuantizeLinear and DequantizeLinear travels."""
    nodes = [
        helper.make_node("DequantizeLinear", ["wq", "s"], ["wd"]),
        helper.make_node("MatMul", ["x", "wd"], ["m"]),
        helper.make_node("QuantizeLinear", ["m", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("MatMul", ["d", "wd"], ["y"]),
    ]
    values = [1, 2, 3, 0, 5, 6, 7, 0, 1, 0, 2, 0, 3, 0, 1, 7]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [
            helper.make_tensor("wq", kind, [4, 4], values),
            helper.make_tensor("s", TensorProto.FLOAT, [], [0.5]),
            helper.make_tensor("z", kind, [], [0]),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    result = api.rewrite_model(proto)
    assert [d.edge for d in result.plan.pairs] == ["q"]
    report = api.verify(proto, result.model, "random:2")
    assert report.status == "not_run" or report.identical
