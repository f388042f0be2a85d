"""Trained models, portable and emulated: quantised, half precision, edges in a loop, an old opset."""

from __future__ import annotations

from pathlib import Path

import pytest

from fmpass import api
from fmpass.data import DataOptions, open_data
from fmpass.errors import UnsupportedModel
from fmpass.measure.emulated import compare_emulated
from fmpass.measure.inputs import input_specs
from fmpass.plan import Options

LOSSY = "quant{bits=6,signed=false,axis=1}|zvc"


@pytest.mark.runtime
@pytest.mark.parametrize("name", ["mlperf_resnet8_qdq", "squeezenet1.1_fp16", "dtln_model_1_loop", "cifar10_resnet20"])
def test_emulated(name: str, shared_data: Path, tmp_path: Path, library: str) -> None:
    path = shared_data / "models" / f"{name}.onnx"
    samples = open_data("random:1", input_specs(path), DataOptions())
    result = api.rewrite_model(
        path,
        tmp_path / "e.onnx",
        options=Options(chain=LOSSY, emulate=True),
        emulation_verifier=lambda native, emulated: compare_emulated(native, emulated, samples),
    )
    assert result.emulation is not None
    assert result.emulation.identical
    assert result.pairs > 5


@pytest.mark.runtime
def test_portable(shared_data: Path, tmp_path: Path, library: str) -> None:
    path = shared_data / "models" / "cifar10_resnet20_qdq.onnx"
    portable = api.rewrite(path, tmp_path / "p.onnx", options=Options(portable=True))
    report = api.verify(path, portable)
    assert report.identical
    assert api.remove(portable, tmp_path / "back.onnx").read_bytes() == path.read_bytes()


@pytest.mark.runtime
def test_what_an_old_file_cannot_have(shared_data: Path) -> None:
    path = shared_data / "models" / "mnist_opt.onnx"  # IR version 3, opset 8
    for options, code in ((Options(portable=True), "FM203"), (Options(chain=LOSSY, emulate=True), "FM205")):
        with pytest.raises(UnsupportedModel) as caught:
            api.rewrite(path, options=options)
        assert caught.value.code == code
