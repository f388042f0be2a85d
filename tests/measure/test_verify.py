"""Verification: what is equal is found equal, what is not is found and named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from small_models import branches, convolutions, feeds, half_precision, model

from fmpass import api
from fmpass.codecs.chain import Chain
from fmpass.codecs.stage import Bound
from fmpass.codecs.transforms.quant import Quant
from fmpass.data import open_data
from fmpass.dtypes import by_name
from fmpass.errors import VerificationFailed
from fmpass.measure.inputs import input_specs
from fmpass.measure.inventory import Item
from fmpass.measure.result import NotRun, VerifyReport
from fmpass.measure.tally import Tally
from fmpass.measure.tensors import from_array
from fmpass.measure.verify import VerifyOptions, compare, verify
from fmpass.plan import Decision, Options, Plan

pytestmark = pytest.mark.runtime


def report(original: object, rewritten: object, count: int = 2, **options: object) -> VerifyReport:
    found = compare(original, rewritten, feeds(count), VerifyOptions(**options))  # type: ignore[arg-type]
    assert isinstance(found, VerifyReport)
    return found


def pair_nodes(proto: onnx.ModelProto, op_type: str) -> list[onnx.NodeProto]:
    return [node for node in proto.graph.node if node.op_type == op_type]


def test_a_rewritten_model_is_identical() -> None:
    original = convolutions()
    found = report(original, api.rewrite(original), 3)
    assert (found.status, found.identical, found.lossless, found.samples) == ("passed", True, True, 3)
    assert [(e.edge, e.chain, e.stored, e.identical) for e in found.edges] == [
        ("r1", "zvc", True, True),
        ("r2", "zvc", True, True),
    ]
    assert [e.elements for e in found.edges] == [4 * 64 * 4] * 2  # batches 1, 2, 1
    assert [(o.name, o.identical, o.max_abs, o.snr_db) for o in found.outputs] == [("y", True, 0.0, None)]
    assert found.optimized is not None
    found.check()


def test_sizes_are_those_of_the_payloads() -> None:
    """Recomputed here with the reference encoder from the values that onnx's own evaluator computes."""
    from fmpass.codecs import container

    original = convolutions()
    found = report(original, api.rewrite(original, chain="zvc"), 2)
    for edge in found.edges:
        tapped = onnx.ModelProto()
        tapped.CopyFrom(original)
        tapped.graph.output.append(helper.make_tensor_value_info(edge.edge, TensorProto.FLOAT, None))
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(tapped.SerializeToString(), options)
        bits = 0
        for feed in feeds(2):
            (value,) = session.run([edge.edge], feed)
            bits += 8 * len(container.encode(Chain.parse("zvc"), value))
        assert edge.payload_bits == bits
        assert edge.bpv == bits / edge.elements
    total = sum(e.payload_bits for e in found.edges)
    assert found.bpv == total / sum(e.elements for e in found.edges)
    assert found.ratio_vs_dtype == 32 / found.bpv


def test_an_edge_left_alone_counts_in_full() -> None:
    original = convolutions()
    plain = report(original, api.rewrite(original, options=Options(skip=("r2",))), 2)
    first, second = plain.edges
    assert (second.edge, second.chain, second.identical, second.bpv) == ("r2", "", None, 32.0)
    assert second.elements == 3 * 4 * 64
    assert plain.bpv == (first.payload_bits + 32 * second.elements) / (first.elements + second.elements)


def test_grouping_by_memory_changes_nothing() -> None:
    original = convolutions()
    rewritten = api.rewrite(original)
    assert report(original, rewritten, 3, memory_nbytes=1) == report(original, rewritten, 3)


def test_wrong_restored_edge_is_named() -> None:
    """The two payloads, of one type and shape, change places."""
    rewritten = api.rewrite(convolutions())
    first, second = pair_nodes(rewritten, "FmDecompress")
    compress = pair_nodes(rewritten, "FmCompress")[1]
    rewritten.graph.node.remove(compress)
    late = onnx.NodeProto()
    late.CopyFrom(compress)
    late.input[0], late.name = "r1", "late"
    rewritten.graph.node.insert(2, late)
    assert (first.input[0], second.input[0]) == ("r1__fm_payload", "r2__fm_payload")
    found = report(convolutions(), rewritten)
    assert (found.status, found.identical) == ("failed", False)
    assert [e.identical for e in found.edges] == [True, False]
    assert found.edges[1].max_abs is not None and found.edges[1].max_abs > 0
    with pytest.raises(VerificationFailed, match=r"FM402.*edge 'r2'.*feed 0"):
        verify(convolutions(), rewritten, feeds(1))


def test_wrong_output_is_named() -> None:
    """One weight of the last convolution changes: no edge differs, the output does."""
    rewritten = api.rewrite(convolutions())
    weight = next(w for w in rewritten.graph.initializer if w.name == "w3")
    values = onnx.numpy_helper.to_array(weight).copy()
    values[0, 0, 1, 1] += 2**-12
    weight.CopyFrom(onnx.numpy_helper.from_array(values, "w3"))
    found = report(convolutions(), rewritten)
    assert [e.identical for e in found.edges] == [True, True]
    assert [o.identical for o in found.outputs] == [False]
    assert 0 < found.outputs[0].max_abs < 0.01
    assert found.outputs[0].snr_db is not None and found.outputs[0].snr_db > 40
    assert not found.identical
    with pytest.raises(VerificationFailed, match=r"FM401.*output 'y'"):
        found.check()


def test_a_lossy_chain_that_claims_to_be_lossless_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    rewritten = api.rewrite(convolutions(), chain="quant{bits=8}|zvc")
    monkeypatch.setattr(Chain, "lossless", lambda self, dtype: True)
    found = report(convolutions(), rewritten)
    assert not found.identical
    assert found.failure is not None
    assert (found.failure.code, found.failure.where) == ("FM402", "edge 'r1'")


def test_the_same_inside_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    rewritten = api.rewrite(branches(), chain="quant{bits=8}|zvc")
    monkeypatch.setattr(Chain, "lossless", lambda self, dtype: True)
    found = compare(branches(), rewritten, feeds(2, sign=1.0))
    assert isinstance(found, VerifyReport)
    assert not found.identical
    wrong = [(e.scope, e.edge) for e in found.edges if e.identical is False]
    assert wrong == [("choose/then_branch", "r")]
    assert found.outputs[0].identical is False


def test_edges_in_bodies_are_counted_where_they_run() -> None:
    original = branches()
    rewritten = api.rewrite(original, options=Options(skip=("choose/else_branch/*",)))
    found = compare(original, rewritten, [*feeds(2, sign=1.0), *feeds(1, sign=-1.0)])
    assert isinstance(found, VerifyReport)
    assert found.identical
    rows = {(e.scope, e.edge): e for e in found.edges}
    then, other = rows["choose/then_branch", "r"], rows["choose/else_branch", "r"]
    assert (then.chain, then.elements, then.identical) == ("zvc", 3 * 256, True)
    assert (other.chain, other.elements, other.identical, other.bpv) == ("", 256, None, 32.0)
    never = compare(original, rewritten, feeds(1, sign=1.0))
    assert isinstance(never, VerifyReport)
    row = next(e for e in never.edges if e.scope == "choose/else_branch")
    assert (row.elements, row.payload_bits, row.bpv) == (0, 0, None)


def test_lossy_chains_pass_within_their_bound() -> None:
    rewritten = api.rewrite(convolutions(), chain="quant{bits=6}|zvc")
    found = report(convolutions(), rewritten, 2)
    assert (found.status, found.identical, found.lossless) == ("passed", False, False)
    for edge in found.edges:
        assert edge.identical is False
        assert edge.bound is not None and edge.max_abs is not None
        assert 0 < edge.max_abs <= edge.bound
        assert edge.snr_db is not None and edge.snr_db > 15
    assert found.outputs[0].max_abs > 0
    found.check()


def test_a_bound_that_does_not_hold_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    rewritten = api.rewrite(convolutions(), chain="quant{bits=6}|zvc")
    monkeypatch.setattr(Quant, "bound", lambda self, side, dtype, shape: Bound(1e-6))
    with pytest.raises(VerificationFailed, match=r"FM403.*edge 'r1'.*quant\{bits=6\}\|zvc"):
        verify(convolutions(), rewritten, feeds(1))


def test_values_beyond_a_given_step_clip_without_breaking_a_promise() -> None:
    rewritten = api.rewrite(convolutions(), chain="quant{bits=4,step=0.01}|zvc")
    found = report(convolutions(), rewritten, 1)
    assert found.status == "passed"
    assert found.edges[0].max_abs is not None and found.edges[0].max_abs > 0.1


@pytest.mark.parametrize("change", ["name", "shape", "type", "missing"])
def test_changed_signatures(change: str) -> None:
    rewritten = api.rewrite(convolutions())
    value = rewritten.graph.output[0]
    if change == "name":
        value.name = "r1"
    elif change == "shape":
        value.CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4, 8, 9]))
    elif change == "type":
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    else:
        rewritten.graph.output.append(helper.make_tensor_value_info("r2", TensorProto.FLOAT, None))
    found = report(convolutions(), rewritten)
    assert found.failure is not None
    assert found.failure.code == "FM405"
    assert not found.identical and found.samples == 0


def test_a_pair_on_no_edge_of_the_original() -> None:
    rewritten = api.rewrite(convolutions())
    for node in rewritten.graph.node:
        for attribute in node.attribute:
            if attribute.name == "edge" and attribute.s == b"r2":
                attribute.s = b"r9"
    with pytest.raises(VerificationFailed, match=r"FM404.*'r9'"):
        verify(convolutions(), rewritten, feeds(1))


def test_a_rewritten_model_that_does_not_run() -> None:
    rewritten = api.rewrite(convolutions())
    for attribute in pair_nodes(rewritten, "FmDecompress")[0].attribute:
        if attribute.name == "chain":
            attribute.s = b"zrle"
    with pytest.raises(VerificationFailed, match=r"FM406.*edge 'r1'"):
        verify(convolutions(), rewritten, feeds(1))


def test_a_rewritten_model_that_does_not_load() -> None:
    rewritten = api.rewrite(convolutions())
    for attribute in pair_nodes(rewritten, "FmCompress")[0].attribute:
        if attribute.name == "chain":
            attribute.s = b"zvx"
    with pytest.raises(VerificationFailed, match=r"FM406.*edge 'r1'.*zvx"):
        verify(convolutions(), rewritten, feeds(1))


def test_not_run_where_the_runtime_refuses_inputs_or_model() -> None:
    original = model(
        [
            helper.make_node("Relu", ["x"], ["r"]),
            helper.make_node("Conv", ["r", "w"], ["c"]),
            helper.make_node("Relu", ["c"], ["y"]),
        ],
        ["y"],
        {"w": np.ones((4, 4, 3, 3), np.float32)},
        ("N", 4, "H", "W"),
    )
    rewritten = api.rewrite(original)
    small = open_data("random:1", input_specs(original))  # 1×1 pixels under a 3×3 kernel
    found = verify(original, rewritten, small)
    assert isinstance(found, NotRun)
    assert found.as_dict() == {"status": "not_run", "reason": found.reason}
    assert found.reason
    original.graph.node[0].domain = rewritten.graph.node[0].domain = "somewhere.else"
    for proto in (original, rewritten):
        proto.opset_import.add(domain="somewhere.else", version=1)
    assert isinstance(verify(original, rewritten, small), NotRun)


def test_16_bit_floats_are_held_at_their_width() -> None:
    original = half_precision()
    found = compare(original, api.rewrite(original), feeds(4, np.float16))
    assert isinstance(found, VerifyReport)
    assert found.identical
    assert found.held == 2
    assert [e.dtype for e in found.edges] == ["float16", "float16"]


@pytest.mark.parametrize(
    "kind", ["FLOAT16", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E5M2", "INT4", "UINT4", "DOUBLE", "INT8", "BOOL", "INT64"]
)
def test_edges_of_every_kind_of_type(kind: str) -> None:
    dtype = getattr(TensorProto, kind)
    nodes = [helper.make_node("Cast", ["x"], ["e"], to=dtype), helper.make_node("Cast", ["e"], ["y"], to=1)]
    original = model(nodes, ["y"], opset=21)
    plan = Plan((Decision("e", "pair", "zvc", "a test"),))
    found = compare(original, api.rewrite(original, plan=plan), feeds(2))
    if isinstance(found, NotRun):  # onnxruntime 1.20 and older
        pytest.skip(f"this onnxruntime does not carry {kind}")
    assert found.identical
    (edge,) = found.edges
    assert (edge.edge, edge.stored, edge.elements) == ("e", False, 3 * 256)


def test_sequences_as_outputs() -> None:
    base = convolutions()
    base.graph.node.append(helper.make_node("SequenceConstruct", ["y", "r1"], ["q"], "sequence"))
    base.graph.output.append(helper.make_tensor_sequence_value_info("q", TensorProto.FLOAT, None))
    rewritten = api.rewrite(base)
    found = report(base, rewritten)
    assert found.identical
    assert [o.name for o in found.outputs] == ["y", "q"]
    next(n for n in rewritten.graph.node if n.name == "sequence").input[1] = "y"
    found = report(base, rewritten)
    assert [(o.name, o.identical) for o in found.outputs] == [("y", True), ("q", False)]


def test_weights_in_external_files(tmp_path: Path) -> None:
    folder = tmp_path / "in ü"
    folder.mkdir()
    path = folder / "m.onnx"
    onnx.save(convolutions(), path, save_as_external_data=True, location="m.data", size_threshold=0)
    output = tmp_path / "out" / "m.fm.onnx"
    output.parent.mkdir()
    api.rewrite(path, output)
    found = report(path, output)
    assert found.identical
    assert sorted(p.name for p in folder.iterdir()) == ["m.data", "m.onnx"]
    assert sorted(p.name for p in output.parent.iterdir()) == ["m.data", "m.fm.onnx"]
    in_memory = onnx.load(output, load_external_data=False)
    assert report(path, in_memory).identical


def test_runs_progress_and_json() -> None:
    original = convolutions()
    calls: list[tuple[int, int | None]] = []
    found = compare(
        original, api.rewrite(original), feeds(5), VerifyOptions(runs=2), lambda done, of: calls.append((done, of))
    )
    assert isinstance(found, VerifyReport)
    assert found.samples == 2
    assert calls == [(i, 4) for i in range(1, 5)]
    document = json.loads(json.dumps(found.as_dict()))
    assert {"identical", "optimized", "outputs", "edges", "bpv", "ratio_vs_dtype"} <= set(document)
    assert {"identical", "max_abs"} <= set(document["optimized"])
    assert {"name", "max_abs", "snr_db"} <= set(document["outputs"][0])
    keys = {"edge", "chain", "stored", "elements", "payload_bits", "resident_bits", "bpv"}
    assert keys <= set(document["edges"][0])


def test_no_feeds_prove_nothing() -> None:
    original = convolutions()
    found = compare(original, api.rewrite(original), [])
    assert isinstance(found, VerifyReport)
    assert not found.identical
    assert found.samples == 0


def test_a_model_that_is_not_deterministic_is_not_judged() -> None:
    original = model(
        [
            helper.make_node("RandomNormalLike", ["x"], ["n"]),
            helper.make_node("Add", ["x", "n"], ["s"]),
            helper.make_node("Relu", ["s"], ["r"]),
            helper.make_node("Mul", ["r", "r"], ["y"]),
        ],
        ["y"],
    )
    rewritten = api.rewrite(original)
    assert report(original, rewritten).identical  # both sessions draw the same numbers
    rewritten.graph.node[0].attribute.add(name="seed", f=3.0, type=1)
    found = compare(original, rewritten, feeds(1))
    assert isinstance(found, NotRun)
    assert "again" in found.reason


def test_a_payload_that_is_restored_twice_is_compared_twice() -> None:
    rewritten = api.rewrite(convolutions())
    decompress = pair_nodes(rewritten, "FmDecompress")[0]
    second = onnx.NodeProto()
    second.CopyFrom(decompress)
    second.name, second.output[0] = "again", "again"
    kind = next(v for v in rewritten.graph.value_info if v.name == decompress.output[0])
    rewritten.graph.value_info.add(name="again", type=kind.type)
    place = list(rewritten.graph.node).index(decompress)
    rewritten.graph.node.insert(place + 1, second)
    found = report(convolutions(), rewritten)
    assert found.identical
    assert [e.edge for e in found.edges] == ["r1", "r2"]
    compress = pair_nodes(rewritten, "FmCompress")[0]
    other = onnx.NodeProto()
    other.CopyFrom(compress)
    other.name, other.output[0], second.input[0] = "other", "other", "other"
    rewritten.graph.node[place + 1].CopyFrom(second)
    rewritten.graph.node.insert(place, other)
    found = report(convolutions(), rewritten)
    assert found.failure is not None
    assert (found.failure.code, found.failure.where) == ("FM404", "edge 'r1'")
    assert not found.identical


def test_every_restored_value_counts() -> None:
    item = Item("e", "", by_name("float32"), (2,), True, None, True, 0)
    right, wrong = from_array(np.array([1, 2], np.float32)), from_array(np.array([1, 3], np.float32))
    shorter, payload = from_array(np.array([1], np.float32)), from_array(np.zeros(9, np.uint8))
    tally = Tally(item)
    assert tally.restored(right, [right, right], payload) is None
    assert tally.restored(right, [right, wrong], payload) == ("FM402", "restored bytes differ, values by up to 1")
    assert tally.restored(right, [shorter], payload) == ("FM407", "float32[2] is restored as float32[1]")
    assert tally.restored(right, [None], payload) == ("FM407", "it is not restored as a tensor")
    assert (tally.elements, tally.payload_bits) == (8, 4 * 72)
