"""The functions that users call."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import conv_relu, model, saved

import fmpass
from fmpass import api
from fmpass.errors import NothingToGain, UsageError, VerificationFailed
from fmpass.plan import Decision, Options, Plan


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ["numpy", "onnx", "onnx_ir", "onnxruntime", "onnx_graphsurgeon", "rich", "cyclopts", "msgspec"]
    code = f"import sys, fmpass; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_every_public_name_is_there() -> None:
    assert all(getattr(fmpass, name) is not None for name in fmpass.__all__)
    with pytest.raises(AttributeError):
        fmpass.no_such_name  # noqa: B018


def test_inspect_lists_edges_and_sums(tmp_path: Path) -> None:
    path = saved(conv_relu(), tmp_path / "m.onnx")
    unknown, known = fmpass.inspect(path), fmpass.inspect(path, dims={"N": 2})
    assert [(e.name, e.stored, e.shape) for e in known.edges] == [
        ("c", False, ("N", 4, 8, 8)),
        ("r", True, ("N", 4, 8, 8)),
    ]
    assert unknown.totals.activation_nbytes is None
    assert known.totals == api.Totals(2, 1, 2048, 2048, (4 * 3 * 9 + 4 * 4 * 9) * 4)
    with pytest.raises(UsageError) as caught:
        fmpass.inspect(path, dims={"M": 2})
    assert caught.value.code == "FM025"


def test_rewrite_by_plan_and_by_chain(tmp_path: Path) -> None:
    path = saved(conv_relu(), tmp_path / "m.onnx")
    plan = Plan((Decision("r", "pair", "zrle", "by hand"),))
    (tmp_path / "plan.json").write_bytes(plan.to_json())
    for given in (plan, tmp_path / "plan.json"):
        chains = [d.chain for d in api.rewrite_model(path, tmp_path / "o.onnx", plan=given).plan.pairs]
        assert chains == ["zrle"]
    proto = onnx.load(fmpass.rewrite(path, tmp_path / "o.onnx", chain=" zrle{max_run=16} "))
    assert proto.graph.node[2].attribute[0].s == b"zrle{max_run=16}"
    with pytest.raises(UsageError) as caught:
        fmpass.rewrite(path, chain="zvc", plan=plan)
    assert caught.value.code == "FM026"
    with pytest.raises(UsageError) as caught:
        fmpass.rewrite(path, plan=tmp_path / "none.json")
    assert caught.value.code == "FM020"


def test_nothing_to_gain_writes_nothing(tmp_path: Path) -> None:
    text = "g (string[N] x) => (string[N] y) { a = Identity(x) y = Identity(a) }"
    path = saved(model(text), tmp_path / "m.onnx")
    with pytest.raises(NothingToGain) as caught:
        fmpass.rewrite(path)
    assert caught.value.code == "FM200" and caught.value.exit_code == 3
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_a_failed_verification_writes_nothing(tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise VerificationFailed("FM401", problem="no")

    path = saved(conv_relu(), tmp_path / "m.onnx")
    with pytest.raises(VerificationFailed):
        api.rewrite_model(path, verifier=refuse)  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_blocks_are_written_where_they_are_not_the_default() -> None:
    node = api.rewrite(conv_relu(), options=Options(block=1024)).graph.node[2]
    assert {a.name: a.i for a in node.attribute}["block"] == 1024


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("g (string[N] x) => (string[N] y) { a = org.x.F(x) y = org.x.F(a) }", "unknown"),
        ("g (float[N] x) => (float[N] y) { s = SequenceConstruct(x) y = SequenceAt(s, i) }", "not a feature map"),
        ("g (complex64[N] x) => (complex64[N] y) { a = Relu(x) y = MatMul(a, a) }", "complex64"),
        ("g (int64[N] x) => (int64[N] y) { a = Add(x, i) y = MatMul(a, a) }", "integer arithmetic"),
        ("g (float[N] x) => (float[N] y) { a = org.f.Call(x) y = Relu(a) }", ""),
    ],
)
def test_what_is_left_alone_has_a_reason(text: str, reason: str) -> None:
    proto = model(text, {"i": np.array(0, np.int64)})
    proto.opset_import.extend([helper.make_opsetid("org.x", 1), helper.make_opsetid("org.f", 1)])
    body = [helper.make_node("Neg", ["a"], ["n"]), helper.make_node("Abs", ["n"], ["b"])]
    proto.functions.append(helper.make_function("org.f", "Call", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))
    found = fmpass.inspect(proto).edges
    inner = [e for e in found if e.scope.startswith("function ")]
    assert [(e.name, e.stored) for e in inner] == [("n", False)]
    assert "Abs follows" in inner[0].reason
    assert not any(e.eligible for e in found)
    assert any(reason in e.reason for e in found if not e.scope)


def test_model_local_functions_are_called_with_restored_tensors() -> None:
    proto = model("g (float[N] x) => (float[N] y) { r = Relu(x) a = org.f.Call(r) y = MatMul(a, r) }")
    proto.opset_import.append(helper.make_opsetid("org.f", 1))
    body = [helper.make_node("Neg", ["a"], ["b"])]
    proto.functions.append(helper.make_function("org.f", "Call", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))
    assert [d.edge for d in api.rewrite_model(proto).plan.pairs] == ["r", "a"]


@pytest.mark.runtime
def test_verify_and_run(tmp_path: Path, library: str) -> None:
    path = saved(conv_relu(), tmp_path / "m.onnx")
    written = fmpass.rewrite(path)
    feeds = [{"x": np.random.default_rng(i).standard_normal((i + 1, 3, 8, 8)).astype(np.float32)} for i in range(3)]
    report = fmpass.verify(path, written, feeds)
    assert report.status == "passed" and report.identical
    result = fmpass.run(written, feeds)
    assert [o["y"].shape for o in result.outputs] == [(1, 4, 8, 8), (2, 4, 8, 8), (3, 4, 8, 8)]
    assert len(result.latency_ms) == 3


@pytest.mark.runtime
def test_overridable_weights_stay_inputs(library: str) -> None:
    """A model whose weights are inputs too can still be fed other weights."""
    proto = conv_relu()
    for tensor in proto.graph.initializer:
        proto.graph.input.append(helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, list(tensor.dims)))
    other = np.ones((4, 3, 3, 3), np.float32)
    feed = {"x": np.ones((1, 3, 8, 8), np.float32), "w1": other}
    plain, ours = (fmpass.make_session(m).run(None, feed)[0] for m in (proto, fmpass.rewrite(proto)))
    assert np.array_equal(plain, ours)
