"""inspect, rewrite, remove, verify and run on the demo model: keys, files, exit codes."""

from __future__ import annotations

import json
import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

EDGE_KEYS = {"name", "scope", "dtype", "shape", "nbytes", "producer", "consumers", "stored"}
TOTAL_KEYS = {"edges", "activation_nbytes", "peak_live_nbytes", "weight_nbytes"}
VERIFY_KEYS = {"identical", "optimized", "outputs", "edges", "bpv", "ratio_vs_dtype"}
VERIFY_EDGE_KEYS = {"edge", "chain", "stored", "elements", "payload_bits", "resident_bits", "bpv"}


def entries(folder):
    return sorted(p.name for p in folder.iterdir())


def test_inspect(fmpass, demo):
    ended = fmpass("inspect", demo, "--json")
    assert (ended.code, ended.err) == (0, "")
    document = ended.json
    edges = {edge["name"]: edge for edge in document["edges"]}
    assert all(set(edge) >= EDGE_KEYS for edge in edges.values())
    assert set(document["totals"]) >= TOTAL_KEYS
    assert document["totals"]["edges"] == len(edges)
    relu = edges["relu1"]
    assert (relu["dtype"], relu["shape"], relu["stored"]) == ("float32", ["batch", 16, 32, 32], True)
    assert relu["nbytes"] == 4 * 16 * 32 * 32, "an unset batch counts as 1"
    assert document["totals"]["assumed_dims"] == {"batch": 1}
    assert relu["consumers"]
    assert not edges["conv1"]["stored"]
    assert document["totals"]["activation_nbytes"] == sum(e["nbytes"] for e in edges.values() if e["stored"])


def test_inspect_with_sizes_and_data(fmpass, demo, few):
    one, four = (fmpass("inspect", demo, "--dim", f"batch={n}", "--json").json["totals"] for n in (1, 4))
    assert four["activation_nbytes"] == 4 * one["activation_nbytes"]
    assert four["assumed_dims"] == {}
    edges = {e["name"]: e for e in fmpass("inspect", demo, "--data", few, "--json").json["edges"]}
    assert edges["conv1"]["sparsity"] < 0.01
    assert 0.2 < edges["relu1"]["sparsity"] < 0.9
    assert 0 < edges["relu1"]["entropy_bits"] < edges["conv1"]["entropy_bits"] < 32


def test_inspect_table(fmpass, demo, few):
    ended = fmpass("inspect", demo, "--data", few)
    assert (ended.code, ended.err) == (0, "")
    assert "relu1" in ended.out
    assert "zeros" in ended.out
    assert "batch counted as 1" in ended.out


def test_rewrite_verifies_and_writes_beside_the_model(fmpass, demo, few):
    before = demo.read_bytes()
    ended = fmpass("rewrite", demo, "--data", few, "--json")
    assert (ended.code, ended.err) == (0, "")
    document = ended.json
    assert document["output"] == str(demo.with_name("demo.fm.onnx"))
    assert document["pairs"] == 11
    assert all(set(d) >= {"edge", "action", "chain", "reason"} for d in document["decisions"])
    assert all(d["reason"] for d in document["decisions"])
    assert sum(d["action"] == "pair" for d in document["decisions"]) == document["pairs"]
    verify = document["verify"]
    assert set(verify) >= VERIFY_KEYS
    assert verify["identical"] is True
    assert verify["samples"] == 4
    assert all(set(edge) >= VERIFY_EDGE_KEYS for edge in verify["edges"])
    assert demo.read_bytes() == before
    rewritten = onnx.load(demo.with_name("demo.fm.onnx"))
    assert sum(node.op_type == "FmCompress" for node in rewritten.graph.node) == 11


def test_bits_per_value_are_those_of_the_edges(fmpass, demo, few):
    verify = fmpass("rewrite", demo, "--data", few, "--json").json["verify"]
    stored = [edge for edge in verify["edges"] if edge["stored"]]
    bits, elements = (sum(edge[key] for edge in stored) for key in ("payload_bits", "elements"))
    assert math.isclose(verify["bpv"], bits / elements, rel_tol=1e-12)
    assert math.isclose(verify["ratio_vs_dtype"], 32 * elements / bits, rel_tol=1e-12)
    assert 8 < verify["bpv"] < 32


def test_rewrite_twice_gives_the_same_file(fmpass, demo):
    first = demo.with_name("one.onnx")
    assert fmpass("rewrite", demo, "-o", first, "-q").code == 0
    again = fmpass("rewrite", first, "-o", demo.with_name("two.onnx"), "--json")
    assert again.code == 0
    assert again.json["pairs"] == 11
    assert again.json["verify"]["identical"] is True
    assert demo.with_name("two.onnx").read_bytes() == first.read_bytes()


def test_remove_gives_the_original_back(fmpass, demo):
    rewritten, back = demo.with_name("a.fm.onnx"), demo.with_name("back.onnx")
    assert fmpass("rewrite", demo, "-o", rewritten, "--no-verify", "-q").code == 0
    ended = fmpass("remove", rewritten, "-o", back, "--json")
    assert ended.json == {"output": str(back), "pairs": 11}
    assert onnx.load(back) == onnx.load(demo)
    fmpass("remove", rewritten)
    assert onnx.load(demo.with_name("a.onnx")) == onnx.load(demo)


def test_remove_never_writes_over_the_original(fmpass, demo):
    rewritten = demo.with_name("a.fm.onnx")
    assert fmpass("rewrite", demo, "-o", rewritten, "--no-verify", "-q").code == 0
    demo.with_name("a.onnx").write_bytes(b"mine")
    assert fmpass("remove", rewritten, "--json").json["output"] == str(demo.with_name("a.nofm.onnx"))
    assert demo.with_name("a.onnx").read_bytes() == b"mine"


def test_explain_gives_a_reason_for_every_edge(fmpass, demo):
    ended = fmpass("rewrite", demo, "--no-verify", "--explain")
    assert ended.code == 0
    rows = [line for line in ended.out.splitlines() if " zvc " in line or " left alone " in line]
    assert len(rows) == 27
    assert "Relu follows" in ended.out


def test_only_and_skip_and_min_bytes(fmpass, demo):
    def pairs(*flags):
        decisions = fmpass("rewrite", demo, "--no-verify", "--json", *flags).json["decisions"]
        return {d["edge"] for d in decisions if d["action"] == "pair"}

    assert pairs("--only", "block1*", "--only", "relu1") == {"relu1", "block1.relu1", "block1.relu"}
    assert pairs("--only", "relu*", "--skip", "relu[1-4]") == {"relu5"}
    assert pairs("--dim", "batch=1", "--min-bytes", "65536") == {"relu1", "block1.relu1", "block1.relu"}


def test_a_plan_can_be_edited_by_hand(fmpass, demo):
    document = fmpass("rewrite", demo, "--no-verify", "--json").json
    for decision in document["decisions"]:
        if decision["edge"] == "relu1":
            decision.update(action="leave", chain="", reason="I say so")
        elif decision["action"] == "pair":
            decision["chain"] = "ebpc"
    plan = demo.with_name("plan.json")
    plan.write_text(json.dumps(document))
    document = fmpass("rewrite", demo, "--plan", plan, "--json").json
    assert document["pairs"] == 10
    assert {e["chain"] for e in document["verify"]["edges"] if e["chain"]} == {"ebpc"}
    assert next(d for d in document["decisions"] if d["edge"] == "relu1")["reason"] == "I say so"


def test_lossy_chains_pass_within_their_bound(fmpass, demo, few):
    document = fmpass("rewrite", demo, "--chain", "quant{bits=8}|zvc", "--data", few, "--json").json
    assert document["verify"]["status"] == "passed"
    assert document["verify"]["identical"] is False
    assert document["verify"]["bpv"] < 8


def test_presets_are_chains(fmpass, demo):
    document = fmpass("rewrite", demo, "--preset", "ebpc", "--no-verify", "--json").json
    assert {d["chain"] for d in document["decisions"] if d["action"] == "pair"} == {"ebpc"}
    assert document["verify"] == {"status": "not_run", "reason": "--no-verify"}


def test_verify(fmpass, demo, few):
    fmpass("rewrite", demo, "--no-verify", "-q")
    ended = fmpass("verify", demo, demo.with_name("demo.fm.onnx"), "--data", few, "--json")
    assert (ended.code, ended.err) == (0, "")
    document = ended.json
    assert set(document) >= VERIFY_KEYS
    assert document["identical"] is True
    assert set(document["optimized"]) >= {"identical", "max_abs"}
    assert all(set(output) >= {"name", "max_abs", "snr_db"} for output in document["outputs"])
    assert document["samples"] == 4
    assert fmpass("verify", demo, demo.with_name("demo.fm.onnx"), "--runs", 3, "--json").json["samples"] == 3
    text = fmpass("verify", demo, demo.with_name("demo.fm.onnx"), "--data", few)
    assert text.code == 0
    assert "byte for byte" in text.out


def test_verify_tells_a_model_that_was_changed(fmpass, demo):
    fmpass("rewrite", demo, "--no-verify", "-q")
    path = demo.with_name("demo.fm.onnx")
    model = onnx.load(path)
    weight = next(t for t in model.graph.initializer if t.name == "block1.conv1.weight")
    weight.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight) * np.float32(1.001), weight.name))
    onnx.save(model, path)
    ended = fmpass("verify", demo, path, "--json")
    assert ended.code == 5
    assert ended.json["identical"] is False
    assert ended.json["error"]["code"].startswith("FM4")
    text = fmpass("verify", demo, path)
    assert text.code == 5
    assert "NO" in text.out


def test_a_rewrite_that_fails_verification_is_not_written(fmpass, demo, monkeypatch):
    from fmpass.measure.result import Failure, VerifyReport

    failed = VerifyReport(
        "failed", False, True, 1, None, (), (), None, None, "1.0", Failure("FM402", "edge 'relu1'", "differs", "report")
    )  # fmt: skip
    monkeypatch.setattr("fmpass.measure.verify.compare", lambda *_, **__: failed)
    ended = fmpass("rewrite", demo, "--json")
    assert ended.code == 5
    assert ended.json["error"]["code"] == "FM402"
    assert ended.json["verify"]["identical"] is False
    assert entries(demo.parent) == ["demo.onnx", "demo_samples.npz"]
    text = fmpass("rewrite", demo)
    assert text.code == 5
    assert "FM402" in text.err


def test_run(fmpass, demo, few):
    out = demo.with_name("out.npz")
    ended = fmpass("run", demo, "--data", few, "--batch", 4, "-o", out, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json["outputs"] == [{"name": "scores", "shape": [4, 8], "dtype": "float32"}]
    assert ended.json["latency_ms"] > 0
    samples = np.load(few)
    assert (np.load(out)["scores"].argmax(1) == samples["labels"]).mean() > 0.5
    assert fmpass("run", demo, "--data", few, "-o", out).code == 0
    assert sorted(np.load(out)) == ["scores/0", "scores/1", "scores/2", "scores/3"]


def test_run_of_a_rewritten_model_gives_what_the_original_gives(fmpass, demo, few):
    fmpass("rewrite", demo, "--no-verify", "-q")
    results = []
    for model in (demo, demo.with_name("demo.fm.onnx")):
        assert fmpass("run", model, "--data", few, "-o", demo.with_name("o.npz"), "-q").code == 0
        results.append(np.load(demo.with_name("o.npz"))["scores/0"])
    assert np.abs(results[0] - results[1]).max() < 1e-4 * np.abs(results[0]).max()  # other fusions, other roundings


def reshaping(path, with_edges=True):
    """A model that refuses generated inputs: one of them is a shape."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Reshape", ["a", "shape"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes if with_edges else nodes[:1],
        "reshaping",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 6]),
            *([helper.make_tensor_value_info("shape", TensorProto.INT64, [2])] if with_edges else []),
        ],
        [helper.make_tensor_value_info("y" if with_edges else "a", TensorProto.FLOAT, None)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def test_inputs_that_the_runtime_refuses_are_no_failure(fmpass, tmp_path):
    path = tmp_path / "m.onnx"
    reshaping(path)
    ended = fmpass("rewrite", path, "--json")
    assert ended.code == 0
    assert ended.json["verify"]["status"] == "not_run"
    assert ended.json["verify"]["reason"]
    assert (tmp_path / "m.fm.onnx").is_file()
    assert "not verified" in fmpass("rewrite", path).out


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_nothing_to_gain_writes_nothing(fmpass, tmp_path, flags):
    path = tmp_path / "m.onnx"
    reshaping(path, with_edges=False)
    ended = fmpass("rewrite", path, *flags)
    assert ended.code == 3
    assert entries(tmp_path) == ["m.onnx"]
    assert "FM200" in (ended.out if flags else ended.err)
