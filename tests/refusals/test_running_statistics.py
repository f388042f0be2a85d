"""A training BatchNormalization writes over its running statistics, so they get no pair.

onnxruntime shares the memory of these inputs with the outputs. What FmDecompress had restored there is gone when the
run ends, and a reader that happens to run later sees the new statistics, with graph inputs too; hence no other readers
in these models.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx_models import model

from fmpass import api
from fmpass.graph import edges, io, reasons
from fmpass.measure.result import VerifyReport
from fmpass.measure.verify import compare
from fmpass.plan import Options

BOUNDARY = Options(boundary=True)
NORMALISE = "y, om, ov = BatchNormalization<training_mode=1>(x, s, s, mean, var)"
FEED = {
    "x": np.random.default_rng(0).random((2, 4, 3), np.float32),
    "s": np.ones(4, np.float32),
    "start": np.arange(4, dtype=np.float32),
    "mean": np.arange(4, dtype=np.float32),
    "var": np.ones(4, np.float32),
}


def _model(text: str, first: str = "") -> onnx.ModelProto:
    name = "start" if first else "mean"
    ends = f"(float[2,4,3] x, float[4] s, float[4] {name}, float[4] var)"
    return model(f"g {ends} => (float[2,4,3] y, float[4] om, float[4] ov) {{ {first} {text} }}")


@pytest.mark.parametrize("first", ["", "mean = Relu(start)"], ids=["input", "computed"])
def test_running_statistics_stay_and_the_model_is_identical(first: str, library: str) -> None:
    original = _model(NORMALISE, first)
    found = {edge.name: edge.obstacle for edge in edges.edges(io.load(original), boundary=True)}
    assert found["mean"] == found["var"] == reasons.OVERWRITTEN
    assert found["x"] == found["s"] == found["om"] == ""
    feed = {i.name: FEED[i.name] for i in original.graph.input}
    report = compare(original, api.rewrite(original, options=BOUNDARY), [feed])
    assert isinstance(report, VerifyReport) and report.identical, report


def test_inference_leaves_them_as_they_are() -> None:
    plain = "y = BatchNormalization(x, s, s, mean, var) om = Identity(s) ov = Identity(s)"
    found = edges.edges(io.load(_model(plain)), boundary=True)
    assert {edge.name: edge.obstacle for edge in found}["mean"] == ""
