"""rewrite --portable and --emulate, and diff, on the demo model."""

from __future__ import annotations

import onnx
import pytest

REWRITE_KEYS = {"output", "pairs", "decisions", "verify"}
LOSSY = "quant{bits=6}|zvc"


def test_portable(fmpass, demo, few):
    out = demo.with_name("p.onnx")
    ended = fmpass("rewrite", demo, "-o", out, "--portable", "--data", few, "--json")
    assert ended.code == 0
    document = ended.json
    assert set(document) >= REWRITE_KEYS
    assert (document["form"], document["verify"]["identical"]) == ("portable", True)
    assert len(onnx.load(out).functions) == 2
    assert fmpass("verify", demo, out, "--data", few, "--json").json["identical"]
    back = demo.with_name("back.onnx")
    assert fmpass("remove", out, "-o", back, "--json").json["pairs"] == document["pairs"]
    assert back.read_bytes() == demo.read_bytes()


def test_portable_and_lossy_needs_a_newer_file(fmpass, demo):
    error = fmpass("rewrite", demo, "--portable", "--chain", LOSSY, "--json").error
    assert error["code"] == "FM203"
    assert "IR version 10" in error["problem"]
    assert "--emulate" in error["hint"]
    assert fmpass("rewrite", demo, "--portable", "--chain", LOSSY).code == 4
    assert not demo.with_name("demo.fm.onnx").exists()


def test_portable_and_lossy(fmpass, demo, few):
    newer = onnx.load(demo)
    newer.ir_version = 10
    onnx.save(newer, demo)
    ended = fmpass("rewrite", demo, "--portable", "--chain", LOSSY, "--data", few, "--json")
    assert (ended.code, ended.json["verify"]["status"]) == (0, "passed")


@pytest.mark.parametrize(("chain", "identical"), [("zvc", True), (LOSSY, False)])
def test_emulate(fmpass, demo, few, chain, identical):
    out = demo.with_name("e.onnx")
    ended = fmpass("rewrite", demo, "-o", out, "--emulate", "--chain", chain, "--data", few, "--json")
    assert ended.code == 0
    document = ended.json
    assert set(document) >= REWRITE_KEYS
    assert document["form"] == "emulated"
    assert document["verify"]["identical"] is identical
    assert document["verify"]["status"] == "passed"
    assert document["emulation"] == {"identical": True, "edges": document["pairs"], "samples": 4}
    assert {o.domain for o in onnx.load(out).opset_import} == {""}
    assert fmpass("remove", out, "--json").error["code"] == "FM206"


def test_emulate_tells_people(fmpass, demo, few):
    ended = fmpass("rewrite", demo, "--emulate", "--chain", LOSSY, "--data", few)
    assert ended.code == 0
    assert "emulated in standard operators: " in ended.out
    unverified = fmpass("rewrite", demo, "--emulate", "--no-verify", "--json").json
    assert "emulation" not in unverified
    assert unverified["verify"]["status"] == "not_run"


def test_verify_does_not_call_an_emulated_model_a_bug(fmpass, demo, few):
    out = demo.with_name("e.onnx")
    assert fmpass("rewrite", demo, "-o", out, "--emulate", "--chain", LOSSY, "--no-verify", "-q").code == 0
    ended = fmpass("verify", demo, out, "--data", few, "--json")
    assert ended.code == 5
    assert ended.json["failure"]["code"] == "FM401"
    assert "emulated" in ended.json["failure"]["hint"]


def test_the_plan_of_an_emulated_model_serves_again(fmpass, demo, few):
    plan, first, second = (demo.with_name(name) for name in ("plan.json", "1.onnx", "2.onnx"))
    plan.write_text(fmpass("rewrite", demo, "-o", first, "--emulate", "--chain", LOSSY, "--data", few, "--json").out)
    assert fmpass("rewrite", demo, "-o", second, "--emulate", "--plan", plan, "--data", few, "-q").code == 0
    assert first.read_bytes() == second.read_bytes()


def test_portable_and_emulate_exclude_each_other(fmpass, demo):
    error = fmpass("rewrite", demo, "--portable", "--emulate", "--json").error
    assert (error["code"], error["where"]) == ("FM027", "--portable and --emulate")


def test_diff(fmpass, demo):
    out = demo.with_name("x.onnx")
    assert fmpass("rewrite", demo, "-o", out, "--no-verify", "-q").code == 0
    ended = fmpass("diff", demo, out, "--json")
    assert (ended.code, ended.err) == (5, "")
    assert ended.json["equal"] is False
    assert {"where": "opset_import[ai.fmpass]", "change": "new"} in ended.json["differences"]
    table = fmpass("diff", demo, out)
    assert table.code == 5
    assert "relu1__FmCompress" in table.out
    assert f"{len(ended.json['differences'])} differences" in table.out


def test_diff_of_equal_models(fmpass, demo):
    assert fmpass("diff", demo, demo, "--json").json == {"equal": True, "differences": []}
    ended = fmpass("diff", demo, demo)
    assert (ended.code, ended.out.strip()) == (0, "equal")


def test_diff_of_what_is_no_model(fmpass, demo, few):
    assert fmpass("diff", demo, few, "--json").error["code"] == "FM101"
    assert fmpass("diff", demo, demo.with_name("none.onnx"), "--json").error["code"] == "FM095"
    assert fmpass("diff", demo, "--json").error["code"] == "FM092"


def test_diff_shows_no_endless_table(fmpass, demo, monkeypatch):
    monkeypatch.setattr("fmpass.report.differences.MOST_ROWS", 3)
    other = onnx.load(demo)
    for node in other.graph.node:
        node.name += "_"
    path = demo.with_name("other.onnx")
    onnx.save(other, path)
    ended = fmpass("diff", demo, path)
    assert "not shown; --json lists all" in ended.out
    assert ended.out.count("_") < 10
