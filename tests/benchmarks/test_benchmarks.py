"""The benchmark scripts: what they build and how they show it. Their numbers are nobody's test."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest

from fmpass import dtypes
from fmpass.codecs import native

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


def test_repeat_takes_medians_of_at_least_five(script) -> None:
    calls: list[int] = []
    medians, runs = script("speeds").repeat([lambda: calls.append(1), lambda: calls.append(2)], 0.0)
    assert runs == 5
    assert len(medians) == 2
    assert calls == [1, 2] * 6  # in turn, one round to warm up


def test_peers_restore_what_they_pack(script) -> None:
    found, missing = script("peers").peers()
    assert found[0].name == "zlib-9"
    data = np.arange(5000, dtype=np.int32).tobytes()
    for peer in found:
        assert peer.decode(peer.encode(data, 4)) == data, peer.name
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def test_speeds_are_measured_where_a_coder_takes_the_tensor(script) -> None:
    speeds, level = script("speeds"), native.simd_level()
    maps = {"m": np.tile(np.arange(-8, 8, dtype=np.int8), (4, 4, 1))}
    tensors = list(speeds.tiled(maps, ["m"], 1 << 12))
    assert [t.array.shape for t in tensors] == [(16, 4, 4, 16), (4, 4, 4, 16)]
    try:
        bench = speeds.Bench(tensors[0], 0.0)
        row = bench.coder("zvc", native.simd_levels()[0], 2)
        assert row.runs == 5
        assert min(row.encode, row.decode, row.memcpy) > 0
        assert bench.call("zvc").call
        assert bench.peer(script("peers").peers()[0][0]).coder == "zlib-9"
        assert bench.memcpy(2).threads == 2
        floats = speeds.Bench(tensors[1], 0.0)
        assert floats.coder("quant{bits=8,signed=false,zero_point=3,step=0.0}|zvc", level, 1) is None
    finally:
        native.set_simd_level(level)


@pytest.mark.parametrize("zero_point", [0, 3, 200])
def test_edges_pass_their_chain_without_loss(script, zero_point: int) -> None:
    rates, array = script("rates"), np.arange(256, dtype=np.uint8).reshape(1, 4, 8, 8)
    for coder in rates.coders():
        chain = rates.edge_chain(zero_point, coder)
        assert chain.lossless(dtypes.of_array(array))
    assert rates.coders()


def test_a_model_counts_what_every_edge_takes(script) -> None:
    rates, activations = script("rates"), script("activations")
    total = rates.Total("m")
    for shape in ((2, 4, 8, 8), (2, 30)):
        test = np.zeros(shape, np.uint8)
        total.add(activations.Edge("m", "e", "Relu", 0, test, test), ["zvc", "raw"], [], quick=False)
    assert (total.edges, total.values) == (2, 256 + 30)
    assert total.bpv()["zvc"] == 8 * total.nbytes["zvc"] / 286
    assert total.bpv()["zvc"] < total.bpv()["raw"]


def test_the_document_is_the_same_each_time(script) -> None:
    coders, rates, speeds = script("coders"), script("rates"), script("speeds")
    total = rates.Total("m", edges=1, values=8)
    total.nbytes["zvc"] = 5.5
    row = speeds.Speed("zvc", "t", "avx2", 1, 2.0, 3.0, 12.0, 5)
    found = coders.results({"zvc": {"b": 1.23456, "a": 2.0}}, [total], [row])
    text = coders.document(found, "a machine", {})
    read = json.loads(text)
    assert read["maps"] == [{"coder": "zvc", "bpv": {"a": 2.0, "b": 1.2346}}]
    assert read["models"][0]["bpv"] == {"zvc": 5.5}
    assert read["speed"][0]["memcpy"] == 12.0
    assert len(text.splitlines()) == 12
    assert coders.document(found, "a machine", read) == text


def test_parts_that_were_not_measured_stay(script) -> None:
    coders = script("coders")
    before = json.loads(coders.document({"maps": [1], "speed": [2]}, "old", {}))
    after = json.loads(coders.document({"speed": [3]}, "new", before))
    assert after == {"machine": {"maps": "old", "speed": "new"}, "maps": [1], "models": [], "speed": [3]}


def test_targets_are_read_from_their_page(script) -> None:
    root = script("shared").shared()
    if root is None:
        pytest.skip("no ../shared")
    targets = script("targets")
    found = targets.of_models(root)
    assert found["must"]["squeezenet1.1"] == 2.45
    assert found["goal"]["squeezenet1.1"] == 2.25
    assert all(set(of) == set(targets.MODELS.values()) for of in found.values())
    assert set(targets.MODELS.values()) <= set(script("activations").SPLITS)
    assert script("rates").check_ebpc(root) == 10


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
