"""An insertion made with graphsurgeon alone, edge by edge, computes the same bytes as ours."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx_models import model

from fmpass import api
from fmpass.graph.graphsurgeon import register

gs = pytest.importorskip("onnx_graphsurgeon")

TEXT = """g (float[2,3,8,8] x) => (float[2,4,8,8] y, float[2,4,8,8] z) {
    [a] c = Conv<pads=[1,1,1,1]>(x, w1)
    [b] r = Relu(c)
    [d] k = Conv<pads=[1,1,1,1]>(r, w2)
    [e] s = Add(k, r)
    [f] y = Sigmoid(s)
    [g] t = Conv<pads=[1,1,1,1]>(s, w2)
    [h] z = Add(t, r)
}"""


def _by_graphsurgeon(proto: onnx.ModelProto, edges: list[str]) -> onnx.ModelProto:
    register()
    graph = gs.import_onnx(proto)
    for name in edges:
        tensor = graph.tensors()[name]
        readers = [(node, i) for node in tensor.outputs for i, t in enumerate(node.inputs) if t is tensor]
        restored = graph.fm_decompress(graph.fm_compress(tensor, "zvc"), tensor, "zvc")
        for node, i in readers:
            node.inputs[i] = restored
    return gs.export_onnx(graph.toposort())


@pytest.mark.runtime
def test_same_numbers(library: str) -> None:
    from fmpass.runtime import make_session

    proto = onnx.shape_inference.infer_shapes(model(TEXT, {"w1": (4, 3, 3, 3), "w2": (4, 4, 3, 3)}))
    result = api.rewrite_model(proto)
    edges = [d.edge for d in result.plan.pairs]
    assert edges == ["r", "k", "s", "t"]
    oracle = _by_graphsurgeon(proto, edges)
    feed = {"x": np.random.default_rng(1).standard_normal((2, 3, 8, 8)).astype(np.float32)}
    ours, theirs, plain = (make_session(m).run(None, feed) for m in (result.model, oracle, proto))
    for a, b, c in zip(ours, theirs, plain, strict=True):
        assert a.tobytes() == b.tobytes()
        assert a.shape == c.shape


def test_a_graph_keeps_its_kind_and_gets_its_methods() -> None:
    graph = api.rewrite(gs.import_onnx(model(TEXT, {"w1": (4, 3, 3, 3), "w2": (4, 4, 3, 3)})))
    assert [n.op for n in graph.nodes if n.domain == "ai.fmpass"] == ["FmCompress", "FmDecompress"] * 4
    assert hasattr(graph, "fm_compress") and hasattr(graph, "fm_decompress")
    back = api.remove(graph)
    assert [n.op for n in back.nodes] == [n.op_type for n in model(TEXT).graph.node]
