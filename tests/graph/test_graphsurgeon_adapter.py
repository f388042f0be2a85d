"""Graphs of graphsurgeon in and out, in every form that a rewritten model has."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx_models import conv_relu

from fmpass import api
from fmpass.errors import UnsupportedModel
from fmpass.graph import diff
from fmpass.plan import Options

gs = pytest.importorskip("onnx_graphsurgeon")

LOSSY = "quant{bits=3}|zvc"
FORMS = {
    "pairs": Options(),
    "boundary": Options(boundary=True),
    "lossy": Options(chain=LOSSY),
    "portable": Options(portable=True),
    "emulated": Options(emulate=True),
    "emulated_lossy": Options(chain=LOSSY, emulate=True),
}


def source() -> onnx.ModelProto:
    """As graphsurgeon itself writes it: it does not keep everything of a file."""
    proto = conv_relu()
    proto.ir_version = 10
    return gs.export_onnx(gs.import_onnx(proto))


@pytest.mark.runtime
@pytest.mark.parametrize("form", FORMS)
def test_a_graph_computes_what_the_proto_computes(form: str, library: str) -> None:
    import onnxruntime as ort

    from fmpass.runtime import make_session

    before = source()
    graph = gs.import_onnx(before)
    after = api.rewrite(graph, options=FORMS[form])
    assert isinstance(after, gs.Graph)
    assert [n.op for n in graph.nodes] == ["Conv", "Relu", "Conv"]  # what came in is not changed
    exported = gs.export_onnx(after)
    onnx.checker.check_model(exported, full_check=True)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    feed = {"x": np.random.default_rng(1).standard_normal((2, 3, 8, 8)).astype(np.float32)}
    ours = make_session(api.rewrite(before, options=FORMS[form]), sess_options=options).run(None, feed)
    theirs = make_session(exported, sess_options=options).run(None, feed)
    assert ours[0].tobytes() == theirs[0].tobytes()


@pytest.mark.parametrize("form", ["pairs", "boundary", "lossy", "portable"])
def test_pairs_are_taken_out_of_a_graph(form: str) -> None:
    before = source()
    back = api.remove(api.rewrite(gs.import_onnx(before), options=FORMS[form]))
    assert isinstance(back, gs.Graph)
    assert list(diff.differences(before, gs.export_onnx(back))) == []


def test_a_graph_holds_no_overloads() -> None:
    with pytest.raises(UnsupportedModel, match="graphsurgeon loses overloads") as caught:
        api.rewrite(gs.import_onnx(source()), options=Options(chain=LOSSY, portable=True))
    assert caught.value.code == "FM203"
