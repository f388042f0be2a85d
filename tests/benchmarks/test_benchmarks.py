"""The benchmark scripts: what they build and how they show it. Their numbers are nobody's test."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str) -> ModuleType:
        import importlib

        return importlib.import_module(name)

    return load


def test_machine_line_names_what_matters(script) -> None:
    line = script("shared").machine()
    for word in ("cores", "SIMD", "onnxruntime 1.", "Python 3."):
        assert word in line


def test_many_nodes(script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scale = script("scale")
    monkeypatch.setattr(scale, "BLOCKS", 3)
    monkeypatch.setattr(scale, "CHANNELS", 4)
    scale.many_nodes(tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert len(model.graph.node) == 15


def test_much_weight(script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scale = script("scale")
    monkeypatch.setattr(scale, "WIDE", 512)
    monkeypatch.setattr(scale, "LAYERS", 2)
    data = scale.much_weight(tmp_path / "m.onnx")
    assert data.stat().st_size == 2 * 4 * 512 * 512
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)


def test_repeat_takes_a_median_of_at_least_five(script) -> None:
    calls: list[int] = []
    _, count = script("coders").repeat(lambda: calls.append(1), 0.0)
    assert count == 5
    assert len(calls) == 6  # one to warm up


def test_rows_become_a_table(script) -> None:
    models = script("models")
    row = models.Row(
        model="m", source="s", samples=8, edges=3, pairs=2, inner_pairs=1, bpv=5.25, full_bits=8.0,
        ratio_vs_dtype=8 / 5.25, identical=True, optimized_identical=False, optimized_max_abs=1e-7, held_edges=0,
        failure="", seconds=1.0, chains={"raw": 8.01, "ebpc": None},
    )  # fmt: skip
    page = models.markdown([row], "a machine")
    assert "| m | 3 | 2 (1 in bodies) | 8 | 8.00 | 5.25 | 1.52 | 8.01 | – | – | – | yes | ≤ 1.0e-07 |" in page
    assert "a machine" in page


def test_cases_cover_every_shared_model(script) -> None:
    root = script("shared").shared()
    if root is None:
        pytest.skip("no ../shared")
    preprocess = script("preprocess")
    assert {c.model for c in preprocess.CASES} == {p.stem for p in (root / "data" / "models").glob("*.onnx")}
    feeds = list(preprocess.feeds(preprocess.case("dtln_model_1"), root, 3))
    assert not np.array_equal(feeds[1]["input_3"], feeds[2]["input_3"])  # the state moves on
