"""Which tensors a fusing runtime writes: small graphs, and the counts that were measured on trained models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import Weights, model

from fmpass.graph import edges, io

SCALE = {"s": np.float32(0.1), "z": np.uint8(3), "ws": np.float32(0.01), "wz": np.int8(0)}
QDQ = {k: np.array(v) for k, v in SCALE.items()} | {"wq": np.ones((4, 3, 1, 1), np.int8)}
BN = {"g": (4,), "b": (4,), "m": (4,), "v": np.ones(4, np.float32)}
SQUARE = {"w1": (4, 4, 1, 1), "w2": (4, 4, 1, 1), "w3": (4, 4, 1, 1)}

CASES: dict[str, tuple[str, Weights, set[str]]] = {
    "conv-relu": ("c = Conv(x, w1) r = Relu(c) y = Conv(r, w2)", SQUARE, {"r"}),
    "conv-bn-relu": (
        "c = Conv(x, w1) n = BatchNormalization(c, g, b, m, v) r = Relu(n) y = Neg(r)",
        SQUARE | BN,
        {"r"},
    ),
    "conv without activation": ("c = Conv(x, w1) y = Conv(c, w2)", SQUARE, {"c"}),
    "conv-bn without activation": (
        "c = Conv(x, w1) n = BatchNormalization(c, g, b, m, v) y = Conv(n, w2)",
        SQUARE | BN,
        {"n"},
    ),
    "conv with bias added": (
        "c = Conv(x, w1) a = Add(c, k) r = Relu(a) y = Neg(r)",
        SQUARE | {"k": (1, 4, 1, 1)},
        {"r"},
    ),
    "residual with activation": (
        "a = Conv(x, w1) b = Relu(a) c = Conv(b, w2) d = Add(c, x) e = Relu(d) y = Neg(e)",
        SQUARE,
        {"b", "e"},
    ),
    "residual without activation": ("c = Conv(x, w1) d = Add(c, x) y = Conv(d, w2)", SQUARE, {"c", "d"}),
    "residual read twice": (
        "c = Conv(x, w1) d = Add(c, x) e = Relu(d) f = Neg(d) y = Add(e, f)",
        SQUARE,
        {"c", "d", "e"},
    ),
    "activation before an addition": ("c = Conv(x, w1) r = Relu(c) d = Add(r, x) y = Conv(d, w2)", SQUARE, {"r", "d"}),
    "SiLU": ("c = Conv(x, w1) s = Sigmoid(c) m = Mul(c, s) y = Conv(m, w2)", SQUARE, {"m"}),
    "SiLU read elsewhere": (
        "c = Conv(x, w1) s = Sigmoid(c) m = Mul(c, s) y = Add(m, s)",
        SQUARE,
        {"c", "s"},
    ),
    "hard-swish unfolded": (
        "c = Conv(x, w1) p = Add(c, three) k = Clip(p, zero, six) q = Mul(c, k) m = Div(q, six) y = Conv(m, w2)",
        SQUARE | {n: np.array(v, np.float32) for n, v in (("three", 3), ("zero", 0), ("six", 6))},
        {"m"},
    ),
    "GELU with Erf": (
        """c = Conv(x, w1) d = Div(c, r2) e = Erf(d) o = Add(e, one) p = Mul(c, o) h = Mul(p, half) y = Conv(h, w2)""",
        SQUARE | {n: np.array(v, np.float32) for n, v in (("r2", 1.4), ("one", 1), ("half", 0.5))},
        {"h"},
    ),
    "Mish": ("c = Conv(x, w1) a = Softplus(c) t = Tanh(a) m = Mul(c, t) y = Conv(m, w2)", SQUARE, {"m"}),
    "squeeze-and-excite": (
        """c = Conv(x, w1) r = Relu(c) p = GlobalAveragePool(r) d = Conv(p, w2) e = Relu(d) f = Conv(e, w3)
           g = Sigmoid(f) m = Mul(r, g) y = Conv(m, w1)""",
        SQUARE,
        {"r", "m"},
    ),
    "layer normalisation unfolded": (
        """c = Add(x, x2) u = ReduceMean<axes=[-1]>(c) d = Sub(c, u) q = Pow(d, two) v = ReduceMean<axes=[-1]>(q)
           e = Add(v, eps) s = Sqrt(e) n = Div(d, s) k = Mul(n, g) l = Add(k, b) y = MatMul(l, w)""",
        {
            "x2": (1, 4, 8, 8),
            "two": np.array(2, np.float32),
            "eps": np.array(1e-5, np.float32),
            "g": (8,),
            "b": (8,),
            "w": (8, 8),
        },
        {"c", "l"},
    ),
    "softmax unfolded": (
        """c = Conv(x, w1) u = ReduceMax<axes=[-1]>(c) d = Sub(c, u) e = Exp(d) s = ReduceSum(e, ax) p = Div(e, s)
           y = Neg(p)""",
        SQUARE | {"ax": np.array([-1], np.int64)},
        {"c", "p"},
    ),
    "attention": (
        """q = MatMul(x, wq) k = MatMul(x, wk) v = MatMul(x, wv) t = Transpose<perm=[0,1,3,2]>(k) s = MatMul(q, t)
           f = Mul(s, scale) p = Softmax(f) a = MatMul(p, v) y = MatMul(a, wo)""",
        {"wq": (8, 8), "wk": (8, 8), "wv": (8, 8), "wo": (8, 8), "scale": np.array(0.3, np.float32)},
        {"q", "k", "v", "p", "a"},
    ),
    "classifier softmax": ("c = Conv(x, w1) f = Flatten(c) p = Softmax(f) y = Neg(p)", SQUARE, {"c", "p"}),
    "moved elements": (
        "r = Relu(x) m = MaxPool<kernel_shape=[2,2]>(r) k = Concat<axis=1>(m, m) y = Flatten(k)",
        {},
        {"r"},
    ),
    "alias": ("r = Relu(x) t = Transpose(r) i = Identity(t) y = Neg(i)", {}, {"r"}),
    "opaque kernel": ("c = com.microsoft.Mystery(x) y = MaxPool<kernel_shape=[2,2]>(c)", {}, {"c"}),
    "shape arithmetic": (
        "s = Shape(x) d = Add(s, one) f = Cast<to=1>(d) y = Neg(f)",
        {"one": np.array([1], np.int64)},
        set(),
    ),
    "QDQ": (
        """q0 = QuantizeLinear(x3, s, z) d0 = DequantizeLinear(q0, s, z) w = DequantizeLinear(wq, ws, wz)
           c = Conv(d0, w) r = Relu(c) q1 = QuantizeLinear(r, s, z) d1 = DequantizeLinear(q1, s, z)
           p = MaxPool<kernel_shape=[2,2]>(d1) q2 = QuantizeLinear(p, s, z) d2 = DequantizeLinear(q2, s, z)
           e = Relu(d2) y = Neg(e)""",
        QDQ,
        {"q1", "q2", "e"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_stored_tensors_of_small_graphs(case: str) -> None:
    body, weights, stored = CASES[case]
    proto = model(f"g (float[1,4,8,8] x, float[1,3,8,8] x3) => (float[] y) {{ {body} }}", weights)
    del proto.graph.output[0].type.tensor_type.shape.dim[:]
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    found = edges.edges(io.load(proto))
    assert {e.name for e in found if e.stored} == stored
    assert all(e.reason for e in found if not e.stored)


MEASURED = {
    "squeezenet1.1": 26,
    "mobilenetv2_1.0_float": 63,
    "mobilenetv2_1.0_qdq": 65,
    "cifar10_resnet20": 19,
    "cifar10_resnet56": 55,
    "deeplabv3_mnv2_pascal_float": 65,
    "deeplabv3_mnv2_pascal_qdq": 71,
    "waifu2x_cunet_noise0": 29,
    "yolox_nano_coco": 114 + 6,  # the sigmoids of the three heads count too
    "kwt1_transformer": 145 + 8,  # the audio front end (6), the position embedding and the class scores count too
}


def test_counts_on_trained_models(shared_model: Path) -> None:
    found = edges.edges(io.load(shared_model))
    stored = sum(e.stored for e in found)
    assert stored == MEASURED.get(shared_model.stem, stored)
    assert sum(e.eligible for e in found) > 0


def test_zero_points_are_read_where_they_are_constant() -> None:
    proto = model(
        "g (float[1,4] x) => (float[1,4] y) { r = Relu(x) q = QuantizeLinear(r, s, z) y = DequantizeLinear(q, s, z) }",
        QDQ,
    )
    edge = next(e for e in edges.edges(io.load(proto)) if e.name == "q")
    assert (edge.zero_point, edge.dtype and edge.dtype.name) == (3, "uint8")
