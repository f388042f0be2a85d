"""Types, symbolic shapes, scopes, lifetimes and names."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper
from onnx_models import conv_relu, model

from fmpass.graph import edges, io, liveness, reasons, shapes, walk
from fmpass.graph.naming import Namer


def _types(proto: onnx.ModelProto) -> shapes.Types:
    return shapes.infer(io.load(proto))


def test_inference_leaves_the_model_alone_and_keeps_symbols() -> None:
    proto = conv_relu()
    before = proto.SerializeToString(deterministic=True)
    types = _types(proto)
    assert types["", "r"] == shapes.ValueType(TensorProto.FLOAT, ("N", 4, 8, 8))
    assert proto.SerializeToString(deterministic=True) == before


def test_the_same_types_from_an_onnx_ir_model_without_its_weights() -> None:
    proto = model(
        "g (float[N,64] x) => (float[N,64] y) { a = MatMul(x, w) r = Relu(a) y = MatMul(r, w) }", {"w": (64, 64)}
    )
    loaded = io.load(ir.from_proto(proto))
    assert shapes.infer(loaded)["", "r"] == _types(proto)["", "r"]
    assert "w" in loaded.model.graph.initializers


def test_bodies_have_types_of_their_own() -> None:
    proto = model(
        """g (float[N,4] x, bool c) => (float[N,4] y) {
            [if] y = If (c) <
                then_branch = t () => (float[N,4] ty) { [ta] ts = Relu(x) [tb] ty = MatMul(ts, w) },
                else_branch = e () => (float[N,4] ey) { [ea] ts = Abs(x) [eb] ey = MatMul(ts, w) }
            >
        }""",
        {"w": (4, 4)},
    )
    types = _types(proto)
    assert types["if/then_branch", "ts"].shape == types["if/else_branch", "ts"].shape == ("N", 4)
    found = {e.key: e for e in edges.edges(io.load(proto))}
    assert found["if/then_branch", "ts"].producer == "ta"
    assert found["if/else_branch", "ts"].consumers == ("eb",)


def test_contrib_operators_have_types() -> None:
    proto = model(
        "g (uint8[N,4] x) => (uint8[N,4] y) { a = com.microsoft.QLinearAdd(x, s, z, x, s, z, s, z) y = MaxPoolish(a) }",
        {"s": np.array(0.1, np.float32), "z": np.array(5, np.uint8)},
    )
    edge = next(e for e in edges.edges(io.load(proto)) if e.name == "a")
    assert (edge.dtype and edge.dtype.name, edge.shape, edge.stored, edge.zero_point) == ("uint8", ("N", 4), True, 5)


def test_sizes_of_zero_in_inputs_mean_unknown() -> None:
    proto = model("g (float[N,4] x) => (float[N,4] y) { r = Relu(x) y = MatMul(r, w) }", {"w": (4, 4)})
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    dims[0].dim_value = dims[1].dim_value = 0
    assert _types(proto)["", "r"].shape == (None, None)


def test_wrong_annotations_do_not_stop_inference() -> None:
    proto = conv_relu()
    proto.graph.value_info.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, ["N", 9, 9, 9]))
    assert _types(proto)["", "r"].shape == ("N", 4, 8, 8)


def test_lifetimes_are_counted_through_aliases() -> None:
    proto = model(
        """g (float[2,4] x) => (float[2,4] y) {
            a = Relu(x) b = Relu(a) s = Reshape(a, shp) c = Relu(b) d = Add(c, b) y = MatMul(d, s) }""",
        {"shp": np.array([4, 2], np.int64)},
    )
    found = {e.name: e for e in edges.edges(io.load(proto))}
    assert (found["a"].first_use, found["a"].last_use) == (0, 5)
    assert (found["b"].first_use, found["b"].last_use) == (1, 4)
    stored = [e for e in found.values() if e.stored]
    assert [e.name for e in stored] == ["a", "b", "c", "d"]
    assert liveness.activation_nbytes(stored) == 4 * 32
    assert liveness.peak_live_nbytes(stored) == 4 * 32  # all four at the addition


def test_labels_of_nodes_without_a_name_of_their_own() -> None:
    proto = model("g (float[2] x) => (float[2] y) { a = Relu(x) [n] b = Relu(a) [n] y = Relu(b) }")
    loaded = io.load(proto)
    (scope,) = walk.scopes(loaded.model, loaded.origin)
    assert list(scope.labels.values()) == ["Relu#0", "n", "n#2"]
    assert [p for p, _ in walk.proto_scopes(proto)] == [""]


def test_names_are_never_taken_twice() -> None:
    namer = Namer(ir.from_proto(conv_relu()), reserved=["r__fm_payload"])
    first, second = namer.pair("r"), namer.pair("r")
    assert (first.payload, first.restored) == ("r__fm_payload_1", "r__fm_restored")
    assert (second.payload, second.restored) == ("r__fm_payload_2", "r__fm_restored_1")


def test_bodies_see_the_values_of_outer_constants() -> None:
    """Without them the rank of what Unsqueeze gives is unknown, and onnxruntime runs no Scan with such a body."""
    proto = model(
        """g (float[5,2] x, float[1] s) => (float[1,2,1] t, float[5,1,2] y) {
            two = Constant<value_ints=[0]>()
            zero = Expand(s, shape)
            t, y = Scan<num_scan_inputs=1, body = body (z, e) => (w, r) {
                u = Unsqueeze(e, axes)
                r = Unsqueeze(e, two)
                w = Add(z, u)
            }>(zero, x)
        }""",
        {"axes": np.array([0, 2]), "shape": np.array([1, 2, 1])},
    )
    types = shapes.infer(io.load(proto))
    assert types["Scan#2/body", "u"].shape == (1, 2, 1)
    assert types["Scan#2/body", "r"].shape == (1, 2)
    assert types["Scan#2/body", "w"].shape == (1, 2, 1)


def test_a_tensor_of_unknown_rank_in_a_scan_is_left_alone() -> None:
    """The runtime may know its rank where onnx does not, and behind a pair it would know no more than onnx."""
    proto = model(
        """g (float[5,4] x, int64[n] s, float[1] z) => (float[1] w, float[5,4] y) {
            w, y = Scan<num_scan_inputs=1, body = body (float[1] a, float[4] e) => (float[1] b, float[4] r) {
                b = Identity(a)
                t = Relu(e)
                u = Reshape(t, s)
                v = Relu(u)
                r = Reshape(v, four)
            }>(z, x)
        }""",
        {"four": np.array([4])},
    )
    found = {edge.name: edge.obstacle for edge in edges.edges(io.load(proto))}
    assert found == {"t": "", "u": reasons.IN_SCAN, "v": reasons.IN_SCAN}
