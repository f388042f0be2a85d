"""The demo model is what README says: a trained CNN, made by a script that gives the same bytes again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

MODELS = Path(__file__).resolve().parents[2] / "models"
FILES = ("demo.onnx", "demo_int8.onnx")


def scores(name: str, images: np.ndarray) -> np.ndarray:
    import onnxruntime as ort

    session = ort.InferenceSession(MODELS / name, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images})[0]


@pytest.mark.parametrize("name", FILES)
def test_names_more_than_nine_of_ten_samples_rightly(name):
    samples = np.load(MODELS / "demo_samples.npz")
    right = scores(name, samples["image"]).argmax(1) == samples["labels"]
    assert len(right) >= 32
    assert right.mean() > 0.9


@pytest.mark.parametrize("batch", [1, 3])
def test_takes_any_batch(batch):
    images = np.load(MODELS / "demo_samples.npz")["image"][:batch]
    assert scores("demo.onnx", images).shape == (batch, 8)


@pytest.mark.parametrize("name", FILES)
def test_is_a_plain_opset_17_model(name):
    model = onnx.load(MODELS / name)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_has_the_parts_that_a_pass_must_cope_with():
    nodes = onnx.load(MODELS / "demo.onnx").graph.node
    convolutions = [
        {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute} for n in nodes if n.op_type == "Conv"
    ]
    assert {"Conv", "Relu", "Add", "GlobalAveragePool", "Gemm"} <= {n.op_type for n in nodes}
    assert any(c["strides"] == [2, 2] and c["group"] > 1 for c in convolutions)


def test_quantised_model_keeps_activations_in_uint8():
    model = onnx.load(MODELS / "demo_int8.onnx")
    constants = {t.name: t for t in model.graph.initializer}
    zeros = [constants[n.input[2]].data_type for n in model.graph.node if n.op_type == "QuantizeLinear"]
    assert zeros
    assert set(zeros) == {onnx.TensorProto.UINT8}
    convolutions = [n for n in model.graph.node if n.op_type == "Conv"]
    quantised = [t for t in constants.values() if t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 4]
    assert len(quantised) == len(convolutions)


def test_the_script_gives_the_same_bytes_again(tmp_path):
    for folder in ("one", "two"):
        call = [sys.executable, MODELS / "make_demo.py", "--short", "--out", tmp_path / folder]
        subprocess.run(call, check=True, capture_output=True, timeout=120)
    for name in (*FILES, "demo_samples.npz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_the_committed_samples_are_those_of_the_script(tmp_path):
    sys.path.insert(0, str(MODELS))
    try:
        from demo_images import draw
        from make_demo import SAMPLES
    finally:
        sys.path.remove(str(MODELS))
    images, labels = draw(SAMPLES, seed=4_000_000)
    samples = np.load(MODELS / "demo_samples.npz")
    assert np.array_equal(labels, samples["labels"])
    assert np.allclose(
        images, samples["image"], rtol=0, atol=1e-6
    )  # exp and sin differ in the last bit between machines
