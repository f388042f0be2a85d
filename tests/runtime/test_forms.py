"""The forms that a pair takes in a graph: near output, gate input, control flow, many consumers, optimised graphs."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from pair_models import Pair, echo, heard, model, payload_info, round_trip, run, same_bits, sample, session, value

from fmpass.codecs.container import peek
from fmpass.dtypes import by_name

pytestmark = pytest.mark.runtime

FLOAT = TensorProto.FLOAT
F32 = by_name("float32")


@pytest.mark.parametrize("name", ["float32", "bfloat16", "int8"])
def test_near_is_the_tensor_itself(name):
    x = sample(by_name(name), (5, 70))
    outputs = run(round_trip(by_name(name), x.shape, near=True, constant=x))
    assert same_bits(heard(outputs["near"]), x)
    assert same_bits(heard(outputs["Y"]), x)


def test_near_may_be_an_output_of_the_graph():
    x = sample(F32, (3, 4))
    nodes = [Pair().compress("X", "p", "near")]
    proto = model(nodes, [value("X", FLOAT, [3, 4])], [value("near", FLOAT, [3, 4]), payload_info("p")])
    assert same_bits(run(proto, {"X": x})["near"], x)


@pytest.mark.parametrize("optimize", [False, True])
def test_no_consumer_of_near_writes_into_the_tensor(optimize):
    """`near` and X share a buffer, and Relu works in place where nobody else needs its input."""
    x = np.linspace(-1, 1, 60, dtype=np.float32).reshape(3, 20)
    node, pair = helper.make_node, Pair()
    nodes = [
        node("Neg", ["X"], ["a"]),
        pair.compress("a", "p", "near"),
        node("Relu", ["near"], ["b"]),
        Pair("F").compress("X", "q", "near_X"),
        node("Relu", ["near_X"], ["c"]),
        pair.decompress("p", "r", FLOAT, [3, 20], "b"),
        node("Sum", ["a", "b", "c", "r"], ["Y"]),
        node("Sub", ["a", "X"], ["Z"]),
    ]
    shape = [3, 20]
    proto = model(
        nodes,
        [value("X", FLOAT, shape)],
        [value("Y", FLOAT, shape), value("Z", FLOAT, shape)],
        [value("r", FLOAT, shape)],
    )
    fed = x.copy()
    opened = session(proto, optimize=optimize)
    for _ in range(3):
        y, z = opened.run(None, {"X": fed})
        zero = np.float32(0)
        assert same_bits(y, -x + np.maximum(-x, zero) + np.maximum(x, zero) + -x)
        assert same_bits(z, -x - x)
        assert same_bits(fed, x)


@pytest.mark.parametrize("gate", [FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING, TensorProto.DOUBLE])
@pytest.mark.parametrize("name", ["float32", "float16"])
def test_gate_of_any_type_is_not_read(gate, name):
    dtype = by_name(name)
    x = sample(dtype, (2, 9))
    nodes = [Pair().compress("X", "p"), Pair().decompress("p", "r", dtype.onnx, [2, 9], "gate"), echo("r", "Y")]
    inputs = [value("X", dtype.onnx, [2, 9]), value("gate", gate, ["n"])]
    proto = model(nodes, inputs, [payload_info("Y")], [value("r", dtype.onnx, [2, 9])])
    numpy = helper.tensor_dtype_to_np_dtype(gate)
    for gate_length in (0, 2):
        outputs = run(proto, {"X": x, "gate": np.zeros(gate_length, numpy)})
        assert same_bits(heard(outputs["Y"]), x)


def test_the_payload_may_be_its_own_gate():
    x = sample(F32, (4,))
    nodes = [Pair().compress("X", "p"), Pair().decompress("p", "Y", FLOAT, [4], "p")]
    proto = model(nodes, [value("X", FLOAT, [4])], [value("Y", FLOAT, [4])])
    assert same_bits(run(proto, {"X": x})["Y"], x)


def test_many_payloads_of_different_sizes_do_not_share_a_buffer():
    """Payloads with a dimension of one name between them would be given one buffer by the memory planner."""
    sizes, nodes, info = [3000, 41, 70000, 5, 1200], [], []
    for i in range(len(sizes)):
        pair = Pair(f"E{i}", "raw" if i % 2 else "zvc")
        nodes += [
            helper.make_node("Slice", ["X", "zero", f"size{i}"], [f"x{i}"]),
            pair.compress(f"x{i}", f"p{i}"),
            pair.decompress(f"p{i}", f"r{i}", FLOAT, [-1]),
            helper.make_node("ReduceSum", [f"r{i}"], [f"y{i}"], keepdims=1),
        ]
        info += [value(f"r{i}", FLOAT, [None]), payload_info(f"p{i}")]
    constants = [helper.make_tensor("zero", TensorProto.INT64, [1], [0])]
    constants += [helper.make_tensor(f"size{i}", TensorProto.INT64, [1], [size]) for i, size in enumerate(sizes)]
    outputs = [value(f"y{i}", FLOAT, [1]) for i in range(len(sizes))]
    proto = model(nodes, [value("X", FLOAT, ["n"])], outputs, info, constants)
    opened = session(proto, optimize=True)
    x = np.random.default_rng(0).integers(0, 3, 70000).astype(np.float32)
    for scale in (1, 2, 3):  # the planner uses what it learned from the second run on
        got = opened.run(None, {"X": x * scale})
        assert [float(y[0]) for y in got] == [float((x[:size] * scale).sum()) for size in sizes]


def test_a_pair_survives_every_optimisation_level():
    x = sample(F32, (1, 4, 8, 8))
    x[~np.isfinite(x)] = 0
    nodes = [
        helper.make_node("Relu", ["X"], ["a"]),
        Pair().compress("a", "p"),
        Pair().decompress("p", "r", FLOAT, [1, 4, 8, 8]),
        helper.make_node("Relu", ["r"], ["Y"]),
    ]
    shape = [1, 4, 8, 8]
    proto = model(nodes, [value("X", FLOAT, shape)], [value("Y", FLOAT, shape)], [value("r", FLOAT, shape)])
    assert same_bits(run(proto, {"X": x}, optimize=True)["Y"], np.maximum(x, np.float32(0)))


def branch(name: str, factor: float):
    """A branch with a pair of its own on `captured · factor`, and the payload of the outer graph restored."""
    inner = Pair(f"{name}_inner")
    nodes = [
        helper.make_node("Mul", ["X", f"{name}_factor"], [f"{name}_m"]),
        inner.compress(f"{name}_m", f"{name}_p", f"{name}_near"),
        inner.decompress(f"{name}_p", f"{name}_r", FLOAT, [2, 3], f"{name}_near"),
        Pair().decompress("p", f"{name}_o", FLOAT, [2, 3]),
        helper.make_node("Add", [f"{name}_r", f"{name}_o"], [f"{name}_y"]),
    ]
    constant = helper.make_tensor(f"{name}_factor", FLOAT, [], [factor])
    info = [value(f"{name}_{v}", FLOAT, [2, 3]) for v in ("r", "o", "near")]
    return helper.make_graph(nodes, name, [], [value(f"{name}_y", FLOAT, [2, 3])], [constant], value_info=info)


@pytest.mark.parametrize("optimize", [False, True])
def test_pairs_inside_if_and_a_captured_payload(optimize):
    nodes = [
        Pair().compress("X", "p"),
        helper.make_node("If", ["take"], ["Y"], then_branch=branch("t", 2.0), else_branch=branch("e", 3.0)),
    ]
    inputs = [value("X", FLOAT, [2, 3]), value("take", TensorProto.BOOL, [])]
    opened = session(model(nodes, inputs, [value("Y", FLOAT, [2, 3])]), optimize=optimize)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for take, factor in ((True, 2), (False, 3), (True, 2)):
        (y,) = opened.run(None, {"X": x, "take": np.array(take)})
        assert same_bits(y, x * np.float32(factor) + x)


def test_a_payload_is_the_state_of_a_loop():
    body = helper.make_graph(
        [
            Pair("state").decompress("state", "s", FLOAT, [-1, 2]),
            helper.make_node("Concat", ["s", "row"], ["grown"], axis=0),
            Pair("state").compress("grown", "next"),
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("state", TensorProto.UINT8, [None]),
        ],
        [value("go_on", TensorProto.BOOL, []), value("next", TensorProto.UINT8, [None])],
        value_info=[value("s", FLOAT, [None, 2])],
    )
    nodes = [
        Pair("state").compress("row", "start"),
        helper.make_node("Loop", ["times", "", "start"], ["end"], body=body),
        Pair("state").decompress("end", "Y", FLOAT, [-1, 2]),
    ]
    inputs = [value("row", FLOAT, [1, 2]), value("times", TensorProto.INT64, [])]
    row = np.array([[1.5, 0]], np.float32)
    (y,) = run(model(nodes, inputs, [value("Y", FLOAT, [None, 2])]), {"row": row, "times": np.array(7)}).values()
    assert same_bits(y, np.repeat(row, 8, axis=0))


def test_a_pair_inside_scan():
    body = helper.make_graph(
        [
            Pair().compress("x", "p"),
            Pair().decompress("p", "r", FLOAT, [3]),
            helper.make_node("Add", ["sum", "r"], ["sum_out"]),
            helper.make_node("Identity", ["r"], ["y"]),
        ],
        "body",
        [value("sum", FLOAT, [3]), value("x", FLOAT, [3])],
        [value("sum_out", FLOAT, [3]), value("y", FLOAT, [3])],
        value_info=[value("r", FLOAT, [3])],
    )
    nodes = [helper.make_node("Scan", ["zero", "X"], ["S", "Y"], body=body, num_scan_inputs=1)]
    inputs = [value("X", FLOAT, [5, 3]), value("zero", FLOAT, [3])]
    x = np.arange(15, dtype=np.float32).reshape(5, 3)
    outputs = run(
        model(nodes, inputs, [value("S", FLOAT, [3]), value("Y", FLOAT, [5, 3])]),
        {"X": x, "zero": np.zeros(3, np.float32)},
    )
    assert same_bits(outputs["Y"], x)
    assert same_bits(outputs["S"], x.sum(0))


def test_the_block_attribute_reaches_the_payload():
    x = sample(F32, (1000,))
    header = peek(run(round_trip(F32, (1000,), Pair(block=64)), {"X": x})["payload"].tobytes())
    assert (header.block_words, header.blocks, header.self_contained) == (64, 16, False)
