"""Files that are no models, or none that can be rewritten: one error with code, place and remedy, and no file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

COMMANDS = {
    "inspect": lambda path: ["inspect", path],
    "rewrite": lambda path: ["rewrite", path],
    "remove": lambda path: ["remove", path],
    "verify": lambda path: ["verify", path, path],
    "run": lambda path: ["run", path, "--data", "random:1"],
}


def not_onnx(demo):
    demo.write_text("this is a text, not a model\n" * 20)


def empty(demo):
    demo.write_bytes(b"")


def picture(demo):
    demo.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)


def truncated(demo):
    demo.write_bytes(demo.read_bytes()[:200_000])


def truncated_early(demo):
    demo.write_bytes(demo.read_bytes()[:30])


def missing_external_data(demo):
    onnx.save_model(onnx.load(demo), demo, save_as_external_data=True, location="w.bin", size_threshold=0)
    demo.with_name("w.bin").unlink()


def short_external_data(demo):
    onnx.save_model(onnx.load(demo), demo, save_as_external_data=True, location="w.bin", size_threshold=0)
    data = demo.with_name("w.bin").read_bytes()
    demo.with_name("w.bin").write_bytes(data[: len(data) // 2])


def newer_ir(demo):
    model = onnx.load(demo)
    model.ir_version = 99
    onnx.save(model, demo)


def no_nodes(demo):
    model = onnx.load(demo)
    del model.graph.node[:]
    onnx.save(model, demo)


def sparse_constant(demo):
    model = onnx.load(demo)
    values = numpy_helper.from_array(np.ones(1, np.float32), "v")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.zeros(1, np.int64), "i"), [4])
    model.graph.node.insert(0, helper.make_node("Constant", [], ["c"], sparse_value=sparse))
    onnx.save(model, demo)


WRONG = [
    not_onnx, empty, picture, truncated, truncated_early, missing_external_data, short_external_data, no_nodes,
    sparse_constant,
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_models_are_told(fmpass, demo, wrong, command):
    wrong(demo)
    before = {p.name: p.read_bytes() for p in demo.parent.iterdir()}
    ended = fmpass(*COMMANDS[command](demo), "--json")
    assert ended.code == 4, ended.out
    error = ended.error
    assert error["code"].startswith("FM1")
    assert "demo.onnx" in error["where"]
    assert error["hint"]
    assert ended.err == ""
    assert {p.name: p.read_bytes() for p in demo.parent.iterdir()} == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_model_newer_than_what_is_installed_is_a_matter_of_the_environment(fmpass, demo, command):
    newer_ir(demo)
    ended = fmpass(*COMMANDS[command](demo), "--json")
    assert (ended.code, ended.error["code"]) == (6, "FM541")
    assert "demo.onnx" in ended.error["where"]
    assert "onnxruntime" in ended.error["hint"]


@pytest.mark.parametrize("wrong", [not_onnx, truncated, missing_external_data])
def test_they_are_told_to_people_in_one_or_two_lines(fmpass, demo, wrong):
    wrong(demo)
    ended = fmpass("rewrite", demo)
    assert (ended.code, ended.out) == (4, "")
    assert ended.err.startswith("error[FM1")
    assert "\n  hint: " in ended.err
    assert len(ended.err.splitlines()) == 2
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_model_that_is_not_there_is_a_usage_error(fmpass, tmp_path, command):
    ended = fmpass(*COMMANDS[command](tmp_path / "nowhere.onnx"), "--json")
    assert (ended.code, ended.error["code"]) == (2, "FM095")
    ended = fmpass(*COMMANDS[command](tmp_path), "--json")
    assert (ended.code, ended.error["code"]) == (2, "FM096")


@pytest.mark.parametrize("cut", [1, 100, 5_000, 100_000, 400_000, -1])
def test_no_place_to_cut_makes_a_crash(fmpass, demo, cut):
    demo.write_bytes(demo.read_bytes()[:cut])
    assert fmpass("rewrite", demo, "--json").code == 4


def test_an_opset_from_the_future(fmpass, demo):
    model = onnx.load(demo)
    model.opset_import[0].version = 9999
    onnx.save(model, demo)
    assert fmpass("run", demo, "--data", "random:1", "--json").code in (4, 6)
    assert fmpass("rewrite", demo, "--json").code in (0, 4), "written without verification, or refused"


@pytest.mark.parametrize(
    ("flags", "code", "near"),
    [
        (["--chain", "zcv"], "FM001", "zvc"),
        (["--chain", "zrle{max_runs=3}"], "FM002", "max_run"),
        (["--preset", "epbc"], "FM005", "ebpc"),
        (["--only", "rellu1"], "FM023", "relu1"),
        (["--skip", "blok9*"], "FM023", "block"),
        (["--dim", "bach=2"], "FM025", "batch"),
        (["--dim", "batch"], "FM093", "batch=4"),
        (["--dim", "batch=many"], "FM093", "batch=4"),
        (["--objective", "trafic"], "FM093", "traffic"),
        (["--plan", "nowhere.json"], "FM095", ""),
        (["--data", "nowhere.npz"], "FM030", "random:N"),
        (["--data", "random:2", "--batch", "0"], "FM036", ""),
        (["--preprocess", "p.toml"], "FM097", "--data"),
        (["--chain", "zvc", "--preset", "zvc"], "FM097", ""),
        (["--min-bytes", "lots"], "FM093", ""),
    ],
)
def test_wrong_flags_name_the_nearest_and_write_nothing(fmpass, demo, flags, code, near):
    ended = fmpass("rewrite", demo, *flags, "--json")
    assert ended.code == 2, ended.out
    assert ended.error["code"] == code
    assert near in ended.error["hint"]
    assert sorted(p.name for p in demo.parent.iterdir()) == ["demo.onnx", "demo_samples.npz"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        '{"decisions": [{"edge": "relu1"}]}',
        '{"decisions": [], "extra": 1}',
        '{"decisions": [], "version": 9}',
    ],
)
def test_files_that_are_no_plans(fmpass, demo, text):
    plan = demo.with_name("plan.json")
    plan.write_text(text)
    error = fmpass("rewrite", demo, "--plan", plan, "--json").error
    assert error["code"] == "FM020"
    assert "plan.json" in error["where"]


def test_a_plan_of_another_model(fmpass, demo):
    plan = demo.with_name("plan.json")
    plan.write_text('{"decisions": [{"edge": "relu11", "action": "pair", "chain": "zvc", "reason": ""}]}')
    error = fmpass("rewrite", demo, "--plan", plan, "--json").error
    assert error["code"] == "FM021"
    assert "relu1" in error["hint"]


def test_data_that_does_not_fit(fmpass, demo):
    wrong = demo.with_name("wrong.npz")
    np.savez(wrong, image=np.zeros((2, 3, 31, 32), np.float32))
    assert fmpass("rewrite", demo, "--data", wrong, "--json").error["code"] == "FM032"
    np.savez(wrong, picture=np.zeros((2, 3, 32, 32), np.float32))
    assert fmpass("rewrite", demo, "--data", wrong, "--json").error["code"] == "FM031"
    assert not demo.with_name("demo.fm.onnx").exists()


def test_a_type_that_payloads_do_not_carry_is_left_alone(fmpass, tmp_path):
    nodes = [helper.make_node("Identity", ["t"], ["a"]), helper.make_node("Identity", ["a"], ["b"])]
    texts = [helper.make_tensor_value_info(name, TensorProto.STRING, [2]) for name in "tb"]
    graph = helper.make_graph(nodes, "texts", texts[:1], texts[1:])
    path = tmp_path / "texts.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    assert fmpass("rewrite", path).code == 3
