"""Trained models on real inputs: rewritten with the default chain they compute the same, byte for byte.

A spread of small ones; `make bench` runs all of them on more samples.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fmpass import api
from fmpass.measure.result import VerifyReport
from fmpass.measure.verify import compare

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

MODELS = (
    "mnist_opt",
    "cifar10_resnet20",
    "cifar10_resnet20_qdq",
    "cifar10_resnet20_qop",
    "mlperf_kws_dscnn_qdq",
    "mobilenetv1_0.25_128_float",
    "squeezenet1.1_fp16",
    "kwt1_transformer",
    "magika_v3_3",
    "ultraface_rfb320",
    "dtln_model_2",
    "dtln_model_1_loop",
    "silero_vad",
)


@pytest.mark.runtime
@pytest.mark.parametrize("name", MODELS)
def test_identical_on_real_inputs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import preprocess
    import shared

    root = shared.shared()
    if root is None:
        pytest.skip("no ../shared")
    path = root / "data" / "models" / f"{name}.onnx"
    output = tmp_path / f"{name}.fm.onnx"
    result: Any = api.rewrite_model(path, output)
    assert result.pairs > 0
    feeds = list(preprocess.feeds(preprocess.case(name), root, 2))
    report = compare(path, output, feeds)
    assert isinstance(report, VerifyReport)
    assert report.failure is None
    assert report.identical
    assert report.samples == 2
    assert sum(bool(edge.chain) for edge in report.edges) == result.pairs
    assert all(edge.identical for edge in report.edges if edge.chain and edge.elements)
    assert report.bpv is not None and report.ratio_vs_dtype is not None
