"""A training BatchNormalization writes over its running statistics: no pair there, or other readers would see it."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx_models import model

from fmpass import api
from fmpass.graph import edges, io, reasons
from fmpass.plan import Options
from fmpass.runtime import make_session

NORMALISE = "y, om, ov = BatchNormalization<training_mode=1>(x, s, s, mean, var)"
READ = "z = Neg(mean)"
FEED = {
    "x": np.random.default_rng(0).random((2, 4, 3), np.float32),
    "s": np.ones(4, np.float32),
    "start": np.arange(4, dtype=np.float32),
    "mean": np.arange(4, dtype=np.float32),
    "var": np.ones(4, np.float32),
}


def _model(*lines: str, computed: bool) -> onnx.ModelProto:
    first, name = ("mean = Relu(start)", "start") if computed else ("", "mean")
    ends = f"(float[2,4,3] x, float[4] s, float[4] {name}, float[4] var)"
    return model(f"g {ends} => (float[2,4,3] y, float[4] om, float[4] ov, float[4] z) {{ {first} {' '.join(lines)} }}")


@pytest.mark.parametrize("lines", [(NORMALISE, READ), (READ, NORMALISE)], ids=["read after", "read before"])
@pytest.mark.parametrize("computed", [False, True], ids=["input", "computed"])
def test_other_readers_see_the_statistics_as_they_were(lines: tuple[str, str], computed: bool, library: str) -> None:
    original = _model(*lines, computed=computed)
    rewritten = api.rewrite(original, options=Options(boundary=True))
    feed = {i.name: FEED[i.name] for i in original.graph.input}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    expected = onnxruntime.InferenceSession(original.SerializeToString(), options).run(None, feed)
    given = make_session(rewritten, sess_options=options).run(None, feed)
    assert [a.tobytes() for a in expected] == [b.tobytes() for b in given]
    found = {edge.name: edge.obstacle for edge in edges.edges(io.load(original), boundary=True)}
    assert found["mean"] == found["var"] == reasons.OVERWRITTEN
    assert found["x"] == found["s"] == ""


def test_inference_leaves_them_as_they_are() -> None:
    plain = "y = BatchNormalization(x, s, s, mean, var) om = Identity(s) ov = Identity(s)"
    found = edges.edges(io.load(_model(plain, READ, computed=False)), boundary=True)
    assert {edge.name: edge.obstacle for edge in found}["mean"] == ""
