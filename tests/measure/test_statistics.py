"""Sparsity and entropy of edges against numbers that are known."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper

from fmpass import api
from fmpass.measure.statistics import EdgeStatistics, edge_statistics
from fmpass.measure.tensors import from_array


def seen(*arrays):
    statistics = EdgeStatistics()
    for array in arrays:
        statistics.add(from_array(array))
    return statistics


@pytest.mark.parametrize(
    ("values", "sparsity", "entropy"),
    [
        (np.zeros(64, np.uint8), 1.0, 0.0),
        (np.arange(256, dtype=np.uint8), 1 / 256, 8.0),
        (np.array([0, 0, 7, 7], np.int8), 0.5, 1.0),
        (np.array([0, 1.0], np.float32), 0.5, 2.0),  # 1.0 is 3F800000: two of four byte planes tell the values apart
        (np.array([0.0, -0.0], np.float32), 0.5, 1.0),  # the sign bit makes −0.0 a word that is not zero
        (np.array([0, 1, 2, 3], np.uint16), 0.25, 2.0),
    ],
)
def test_known_numbers(values, sparsity, entropy):
    statistics = seen(values)
    assert statistics.elements == values.size
    assert statistics.sparsity == sparsity
    assert statistics.entropy_bits is not None
    assert math.isclose(statistics.entropy_bits, entropy, abs_tol=1e-12)  # sums of logarithms


def test_packed_types_count_elements():
    statistics = seen(np.array([0, 1, 0, 15, 0], ml_dtypes.uint4))
    assert (statistics.elements, statistics.zeros) == (5, 3)


@given(hnp.arrays(np.float32, hnp.array_shapes(max_side=9)), st.integers(1, 4))
def test_many_feeds_count_as_one(array, parts):
    whole, pieces = seen(array), seen(*np.array_split(array.reshape(-1), parts))
    assert (pieces.elements, pieces.zeros, pieces.entropy_bits) == (whole.elements, whole.zeros, whole.entropy_bits)
    assert 0 <= whole.entropy_bits <= 32


def test_nothing_seen_is_not_a_number():
    statistics = seen(np.zeros((0, 3), np.float32))
    assert statistics.sparsity is None
    assert statistics.entropy_bits is None


def test_edges_of_a_model(monkeypatch):
    monkeypatch.setattr("fmpass.measure.statistics.EDGES_AT_ONCE", 1)
    nodes = [
        helper.make_node("Relu", ["x"], ["half"]),
        helper.make_node("Neg", ["half"], ["none"]),
        helper.make_node("Relu", ["none"], ["y"]),
        helper.make_node("Relu", ["y"], ["z"]),
    ]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in "xz"]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    feeds = [{"x": np.tile(np.float32([-1, 2]), 4)}, {"x": np.tile(np.float32([-3, 4]), 4)}]
    found = edge_statistics(model, api.inspect(model).edges, feeds)
    assert {name: (s.elements, s.sparsity) for name, s in found.items()} == {
        "half": (16, 0.5),
        "none": (16, 0.0),  # −0.0 and negative numbers
        "y": (16, 0.5),  # onnxruntime keeps −0.0 through Relu
    }
