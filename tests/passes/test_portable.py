"""Files that run with the operators and without: functions beside the pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper
from onnx_models import conv_relu, model

from fmpass import api
from fmpass.dtypes import DTYPES, by_name
from fmpass.errors import UnsupportedModel, UsageError
from fmpass.graph import diff
from fmpass.plan import Options

PORTABLE = Options(portable=True)
LOSSY = "quant{bits=3}|zvc"
BODIES = """g (float[N,4] x, bool c) => (float[N,4] y) {
    [a] r = Relu(x)
    [if] y = If (c) <
        then_branch = t () => (float[N,4] ty) { [ta] ts = Sigmoid(r) [tb] ty = MatMul(ts, w) },
        else_branch = e () => (float[N,4] ey) { [ea] ey = Add(r, x) }
    >
}"""
MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "conv": lambda: conv_relu(),
    "bodies": lambda: model(BODIES, {"w": (4, 4)}),
}


def newer(proto: onnx.ModelProto) -> onnx.ModelProto:
    proto.ir_version = 10
    return proto


def feed_of(proto: onnx.ModelProto) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    feed = {}
    for value in proto.graph.input:
        shape = [d.dim_value or 2 for d in value.type.tensor_type.shape.dim]
        boolean = value.type.tensor_type.elem_type == onnx.TensorProto.BOOL
        feed[value.name] = np.array(True) if boolean else rng.standard_normal(shape).astype(np.float32)
    return feed


def run(proto: onnx.ModelProto, library: bool, optimized: bool = False) -> list[np.ndarray]:
    import onnxruntime as ort

    from fmpass.runtime import make_session

    options = ort.SessionOptions()
    options.log_severity_level = 3
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if library:
        return make_session(proto, sess_options=options).run(None, feed_of(proto))
    return ort.InferenceSession(proto.SerializeToString(), options).run(None, feed_of(proto))


def payloads(proto: onnx.ModelProto) -> set[str]:
    from fmpass.graph.walk import proto_scopes

    return {n.output[0] for _, graph in proto_scopes(proto) for n in graph.node if n.op_type == "FmCompress"}


def declared(proto: onnx.ModelProto) -> set[str]:
    from fmpass.graph.walk import proto_scopes

    return {info.name for _, graph in proto_scopes(proto) for info in graph.value_info}


@pytest.mark.runtime
@pytest.mark.parametrize("optimized", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_lossless_with_and_without_the_library(name: str, optimized: bool, library: str) -> None:
    from fmpass.runtime import counting, read_counters

    before = MODELS[name]()
    after = api.rewrite(before, options=PORTABLE)
    onnx.checker.check_model(after, full_check=True)
    assert (after.ir_version, after.opset_import[0].version) == (before.ir_version, before.opset_import[0].version)
    without = run(after, False, optimized)
    with counting():
        with_it = run(after, True, optimized)
        assert {c.edge for c in read_counters()} == {d.edge for d in api.rewrite_model(before).plan.pairs}
    for a, b, c in zip(run(before, False), without, with_it, strict=True):
        if not optimized:
            assert a.tobytes() == b.tobytes() == c.tobytes()
        np.testing.assert_allclose(b, c, rtol=0, atol=1e-5)


@pytest.mark.runtime
@pytest.mark.parametrize("chain", [LOSSY, "quant{bits=5,signed=false,axis=-1}|zvc"])
@pytest.mark.parametrize("name", MODELS)
def test_lossy_with_and_without_the_library(name: str, chain: str, library: str) -> None:
    from fmpass.runtime import counting, read_counters

    before = newer(MODELS[name]())
    after = api.rewrite(before, options=Options(chain=chain, portable=True))
    onnx.checker.check_model(after, full_check=True)
    with counting():
        with_it = run(after, True)
        assert any(count.calls for count in read_counters())
    pairs = run(api.rewrite(before, chain=chain), True)
    for a, b, c in zip(pairs, run(after, False), with_it, strict=True):
        assert a.tobytes() == b.tobytes() == c.tobytes()
    assert run(before, False)[0].tobytes() != pairs[0].tobytes()


def test_functions_of_lossy_chains_say_what_they_are() -> None:
    after = api.rewrite(newer(conv_relu()), options=Options(chain=LOSSY, portable=True))
    keys = [(f.domain, f.name, f.overload) for f in after.functions]
    overload = "quant{bits=3}|zvc float32 rank 4"
    assert keys == [("ai.fmpass", "FmCompress", overload), ("ai.fmpass", "FmDecompress", "")]
    assert overload in after.functions[0].doc_string
    assert [n.overload for n in after.graph.node if n.op_type == "FmCompress"] == [overload]


@pytest.mark.parametrize("name", MODELS)
def test_the_payload_has_no_declared_type(name: str) -> None:
    before = MODELS[name]()
    pairs, portable = api.rewrite(before), api.rewrite(before, options=PORTABLE)
    assert payloads(pairs) == payloads(portable) <= declared(pairs)
    assert not payloads(portable) & declared(portable)
    assert declared(portable) == declared(pairs) - payloads(pairs)


@pytest.mark.runtime
def test_a_declared_payload_would_be_refused() -> None:
    import onnxruntime as ort

    after = api.rewrite(conv_relu(), options=PORTABLE)
    after.graph.value_info.append(helper.make_tensor_value_info("r__fm_payload", onnx.TensorProto.UINT8, [None]))
    options = ort.SessionOptions()
    options.log_severity_level = 4
    with pytest.raises(Exception, match="uint8"):
        ort.InferenceSession(after.SerializeToString(), options)


@pytest.mark.parametrize("chain", [None, LOSSY])
@pytest.mark.parametrize("name", MODELS)
def test_taking_the_pairs_out_takes_the_functions_out(name: str, chain: str | None) -> None:
    before = newer(MODELS[name]())
    own = helper.make_function("mine", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], before.opset_import)
    before.functions.append(own)
    before.opset_import.append(helper.make_opsetid("mine", 1))
    before.metadata_props.add(key="author", value="me")
    after = api.rewrite(before, options=Options(chain=chain, portable=True))
    assert [f.domain for f in after.functions] == ["mine", "ai.fmpass", "ai.fmpass"]
    assert [(p.key, p.value) for p in after.metadata_props] == [("author", "me"), ("ai.fmpass.form", "portable")]
    assert api.remove(after).SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True)


@pytest.mark.parametrize("chain", [None, LOSSY])
def test_rewriting_again(chain: str | None) -> None:
    before = newer(conv_relu())
    options = Options(chain=chain, portable=True)
    after = api.rewrite(before, options=options)
    for again in (api.rewrite(after, options=options), api.rewrite(after, chain=chain)):  # it stays portable
        assert again.SerializeToString(deterministic=True) == after.SerializeToString(deterministic=True)
    made_later = api.rewrite(api.rewrite(before, chain=chain), options=options)
    assert list(diff.differences(after, made_later)) == []


def test_a_new_pair_in_a_portable_file_is_portable() -> None:
    before = model(
        "g (float[N,4] x) => (float[N,4] y) { [a] r = Relu(x) [b] s = MatMul(r, w) [c] y = MatMul(s, w) }",
        {"w": (4, 4)},
    )
    first = api.rewrite(before, options=Options(only=("r",), portable=True))
    both = api.rewrite(first)
    assert list(diff.differences(api.rewrite(before, options=PORTABLE), both)) == []


@pytest.mark.parametrize(
    ("ir_version", "chain", "said"),
    [(7, None, "IR version 8"), (7, LOSSY, "IR version 8"), (9, LOSSY, "IR version 10")],
)
def test_ir_versions_that_cannot(ir_version: int, chain: str | None, said: str) -> None:
    before = conv_relu()
    before.ir_version = ir_version
    with pytest.raises(UnsupportedModel) as caught:
        api.rewrite(before, options=Options(chain=chain, portable=True))
    assert caught.value.code == "FM203"
    assert said in caught.value.problem and said in caught.value.hint


def test_a_pair_with_more_than_its_tensor_has_no_function() -> None:
    after = api.rewrite(conv_relu())
    after.graph.node[2].output.append("r__fm_near")
    with pytest.raises(UnsupportedModel) as caught:
        api.rewrite(after, options=PORTABLE)
    assert caught.value.code == "FM203"


def test_portable_and_emulated_exclude_each_other() -> None:
    with pytest.raises(UsageError) as caught:
        api.rewrite(conv_relu(), options=Options(portable=True, emulate=True))
    assert caught.value.code == "FM027"


def test_an_onnx_ir_model() -> None:
    after = api.rewrite(ir.from_proto(conv_relu()), options=PORTABLE)
    assert {key[:2] for key in after.functions} == {("ai.fmpass", "FmCompress"), ("ai.fmpass", "FmDecompress")}
    proto = ir.to_proto(after)
    assert not payloads(proto) & declared(proto)
    assert not api.remove(after).functions


@pytest.mark.runtime
def test_verification_takes_the_operators(library: str) -> None:
    before = newer(conv_relu())
    feeds = [feed_of(before)]
    report = api.verify(before, api.rewrite(before, options=PORTABLE), feeds)
    assert (report.identical, len(report.edges)) == (True, 1)
    assert report.edges[0].payload_bits != 32 * report.edges[0].elements
    report = api.verify(before, api.rewrite(before, options=Options(chain=LOSSY, portable=True)), feeds)
    assert (report.status, report.lossless) == ("passed", False)


def test_the_reference_evaluator_takes_the_numpy_operators() -> None:
    from onnx.reference import ReferenceEvaluator

    from fmpass.runtime import reference_ops

    before = newer(conv_relu())
    plain = ReferenceEvaluator(before).run(None, feed_of(before))
    after = api.rewrite(before, options=PORTABLE)
    for evaluator in (ReferenceEvaluator(after), ReferenceEvaluator(after, new_ops=reference_ops())):
        assert evaluator.run(None, feed_of(before))[0].tobytes() == plain[0].tobytes()


RUNS = (
    "float16",
    "float32",
    "float64",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "int64",
    "uint32",
    "uint64",
    "bool",
)


@pytest.mark.runtime
@pytest.mark.parametrize("dtype", [d.name for d in DTYPES])
def test_every_element_type(dtype: str, library: str) -> None:
    """Inputs and outputs too, through plain onnxruntime where it has kernels."""
    number = by_name(dtype).onnx
    values = [helper.make_tensor_value_info(name, number, [5]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"], "i")], "g", values[:1], values[1:])
    before = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    after = api.rewrite(before, options=Options(boundary=True, portable=True))
    onnx.checker.check_model(after, full_check=True)
    assert len(payloads(after)) == 2
    if dtype not in RUNS:
        return
    import onnxruntime as ort

    x = np.array([0, 1, 0, 1, 1]).astype(by_name(dtype).numpy)
    session = ort.InferenceSession(after.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": x})[0].tobytes() == x.tobytes()
