"""Small real models that the fuzzer starts from: every part of the format that fmpass looks at is in one of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]

BRANCHES = """g (float[N,4] x, bool c) => (float[N,4] y) {
    [a] r = Relu(x)
    [b] s = If(c) <
        then_branch = yes () => (float[N,4] p) { t = Sigmoid(r) p = Mul(t, r) },
        else_branch = no () => (float[N,4] q) { u = Tanh(r) q = Add(u, w) }>
    [d] y = Neg(s)
}"""

LOOPS = """g (float[5,2] x, float[1] s, int64 n, bool c) => (float[1,2,1] t, float[5,1,2] y, float[k,2] z) {
    zero = Expand(s, shape)
    t, y = Scan<num_scan_inputs=1, body = body (v, e) => (a, b) {
        u = Unsqueeze(e, axes)
        b = Unsqueeze(e, first)
        a = Add(v, u)
    }>(zero, x)
    m, z = Loop(n, c, x) <body = step (int64 i, bool go, float[5,2] h) => (bool on, float[5,2] k, float[2] o) {
        on = Identity(go)
        g = Relu(h)
        k = Mul(g, h)
        o = ReduceSum<keepdims=0>(g, first)
    }>
}"""

QUANTISED = """g (float[1,4,6,6] x) => (float[1,4,6,6] y) {
    q = QuantizeLinear(x, scale, point)
    d = DequantizeLinear(q, scale, point)
    c = Conv<pads=[1,1,1,1]>(d, w)
    e = QuantizeLinear(c, scale, point)
    f = DequantizeLinear(e, scale, point)
    r = Relu(f)
    h = Cast<to=10>(r)
    k = Cast<to=1>(h)
    p, i = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1]>(k)
    y = Add(p, r)
}"""

SEQUENCES = """g (float[2,3] x) => (float[2,3] y) {
    r = Relu(x)
    s = SequenceConstruct(r, x)
    zero = Constant<value_int=0>()
    e = SequenceAt(s, zero)
    names = Constant<value_strings=["a", "b"]>()
    shape = Shape(e)
    f = Reshape(e, shape)
    y = Softmax(f)
}"""

FUNCTIONS = """<ir_version: 10, opset_import: ["" : 21, "local" : 1]>
g (float[N,4] x) => (float[N,4] y) {
    r = Relu(x)
    a = local.twice<by=0.5>(r)
    y = local.more(a)
}
<domain: "local", opset_import: ["" : 21]>
twice <by> (v) => (w) { t = Add(v, v) w = LeakyRelu<alpha=@by>(t) }
<domain: "local", opset_import: ["" : 21, "local" : 1]>
more (v) => (w) { t = Sigmoid(v) u = local.twice<by=0.1>(t) w = Mul(u, t) }
"""


def seeds() -> list[tuple[str, bytes]]:
    """(name, bytes of a model file), always the same ones in the same order."""
    rng = np.random.default_rng(0)
    found = [
        ("branches", _model(BRANCHES, {"w": rng.random(4, np.float32)})),
        ("loops", _model(LOOPS, {"axes": np.array([0, 2]), "first": np.array([0]), "shape": np.array([1, 2, 1])})),
        ("quantised", _model(QUANTISED, _scales(rng))),
        ("sequences", _model(SEQUENCES, {})),
        ("functions", onnx.parser.parse_model(FUNCTIONS)),
        ("crowded", crowded(rng)),
    ]
    data = Path(onnx.__file__).parent / "backend" / "test" / "data"
    files = [ROOT / "models" / "demo.onnx", data / "light" / "light_squeezenet.onnx"]
    files += [data / kind / f"test_{n}" / "model.onnx" for kind, n in _CORPUS]
    return [(name, proto.SerializeToString()) for name, proto in found] + [
        (p.parent.name if p.stem == "model" else p.stem, p.read_bytes()) for p in files
    ]


_CORPUS = (
    ("simple", "sequence_model4"),
    ("simple", "expand_shape_model1"),
    ("pytorch-converted", "Conv2d_groups"),
    ("pytorch-converted", "BatchNorm2d_momentum_eval"),
    ("pytorch-operator", "operator_repeat"),
)


def crowded(rng: np.random.Generator) -> onnx.ModelProto:
    """A model with all that a file may carry beside its graph, and with a pair."""
    proto = _model(
        """g (float[1,3,8,8] x, float[4,3,3,3] w) => (float[1,4,8,8] y, float[1,4,8,8] r) {
            c = Conv<pads=[1,1,1,1]>(x, w)
            r = Relu(c)
            p = ai.fmpass.FmCompress<chain="zvc", edge="r">(r)
            s = ai.fmpass.FmDecompress<chain="zvc", edge="r", dtype=1, shape=[1,4,8,8]>(p)
            d = Mul(s, k)
            e = Clip(d, , k)
            y = Add(e, sparse)
        }""",
        {"w": rng.random((4, 3, 3, 3), np.float32), "k": np.float32(3)},
    )
    proto.opset_import.add(domain="ai.fmpass", version=1)
    proto.opset_import.add(domain="ai.onnx.ml", version=3)
    values = numpy_helper.from_array(rng.random(2, np.float32), "sparse")
    places = numpy_helper.from_array(np.array([3, 7]), "sparse_indices")
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [8]))
    proto.graph.value_info.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, [1, 4, "h", 8]))
    note = proto.graph.quantization_annotation.add(tensor_name="c")
    note.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="k")
    proto.training_info.add().algorithm.CopyFrom(helper.make_graph([], "t", [], []))
    for place in (proto, proto.graph, proto.graph.node[0]):
        place.metadata_props.add(key="note", value="Größe")
    proto.doc_string = proto.graph.doc_string = "words"
    return proto


def _scales(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"scale": np.float32(0.05), "point": np.uint8(3), "w": rng.random((4, 4, 3, 3), np.float32)}


def _model(text: str, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]>\n{text}')
    for name, value in weights.items():
        proto.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return proto
