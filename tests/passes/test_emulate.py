"""Pairs in standard operators: what they restore is what the native kernels restore, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx_models import conv_relu, model

from fmpass import api
from fmpass.codecs import decode, encode
from fmpass.codecs.chain import Chain
from fmpass.codecs.stage import Bound, Transform
from fmpass.dtypes import DType, by_name
from fmpass.errors import UnsupportedModel
from fmpass.graph import diff, io
from fmpass.passes import emulation
from fmpass.passes.emulate import EmulatePairs
from fmpass.plan import Options

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("int8", "uint8", "int16", "uint16")


def emulated(proto: onnx.ModelProto) -> onnx.ModelProto:
    loaded = io.load(proto)
    loaded.modified = api.apply(EmulatePairs(loaded.hidden_names()), loaded.model)
    return loaded.to_proto()


def edge_model(dtype: DType, shape: tuple[int | str, ...] | None, chain: str, opset: int) -> onnx.ModelProto:
    """x → Identity → pair → y, in front of an output as `boundary` writes it."""
    own = {"domain": "ai.fmpass", "chain": chain, "edge": "y"}
    nodes = [
        helper.make_node("Identity", ["x"], ["y__fm_source"], "same"),
        helper.make_node("FmCompress", ["y__fm_source"], ["y__fm_payload"], "y__FmCompress", **own),
        helper.make_node("FmDecompress", ["y__fm_payload"], ["y"], "y__FmDecompress", dtype=dtype.onnx, **own),
    ]
    if shape is not None:
        dims = [d if isinstance(d, int) else -1 for d in shape]
        nodes[-1].attribute.append(helper.make_attribute("shape", dims, attr_type=onnx.AttributeProto.INTS))
    x, y = (helper.make_tensor_value_info(name, dtype.onnx, shape) for name in "xy")
    graph = helper.make_graph(nodes, "edge", [x], [y])
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.fmpass", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=3 if opset < 9 else 8)


@cache
def session(dtype: str, rank: int, chain: str, opset: int, optimized: bool = False) -> Any:
    import onnxruntime as ort

    shape = tuple(f"d{i}" for i in range(rank))
    proto = emulated(edge_model(by_name(dtype), shape, chain, opset))
    onnx.checker.check_model(proto, full_check=True)
    assert [(o.domain, o.version) for o in proto.opset_import] == [("", opset)]
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(session: Any, x: np.ndarray) -> np.ndarray:
    import onnxruntime as ort

    from fmpass.dtypes import of_array

    dtype = of_array(x)
    if dtype.name == "bfloat16":
        given = ort.OrtValue.ortvalue_from_numpy_with_onnx_type(x.view(np.uint16), dtype.onnx)
    else:
        given = ort.OrtValue.ortvalue_from_numpy(x)
    (value,) = session.run_with_ort_values(["y"], {"x": given})
    from fmpass.measure.tensors import view

    tensor = view(value)
    assert tensor is not None and tensor.dtype is dtype
    return np.frombuffer(tensor.data.tobytes(), dtype.word_dtype).view(x.dtype).reshape(tensor.shape)


def check(x: np.ndarray, chain: str, opset: int, optimized: bool = False) -> None:
    from fmpass.dtypes import of_array

    name = of_array(x).name
    want = decode(encode(chain, x), chain)
    got = run(session(name, x.ndim, chain, opset, optimized), x)
    assert got.shape == want.shape
    different = np.flatnonzero(got.reshape(-1).view(f"u{x.itemsize}") != want.reshape(-1).view(f"u{x.itemsize}"))
    assert not different.size, (x.reshape(-1)[different[:5]], got.reshape(-1)[different[:5]])


STEPS = (0.0, 1.0, 0.1, 3.7, 0.25, 1e-3, 2.0**-30, 1e30, 2.0**40)


@st.composite
def chains(draw: st.DrawFn, dtype: DType, rank: int) -> str:
    """A quant stage with any fields that `dtype` takes, now and then a second one behind it."""
    bits = draw(st.sampled_from([2, 3, 4, 7, 8, 9, 12, 16]))
    step = draw(st.sampled_from(STEPS))
    signed = draw(st.booleans())
    if dtype.kind != "float":
        low = -(1 << (dtype.bits - 1)) if dtype.kind == "int" else 0
        zero_point = draw(st.sampled_from([0, low, low + 3, low + (1 << dtype.bits) - 1]))
    else:
        zero_point = 0 if signed or step == 0.0 else draw(st.sampled_from([0, 1, (1 << bits) - 1, 1 << (bits - 1)]))
    dead_zone = draw(st.sampled_from([0.0, 0.2, 0.5]))
    axis = draw(st.sampled_from(["none", *map(str, range(-rank, rank))])) if step == 0.0 else "none"
    fields = f"bits={bits},step={step!r},zero_point={zero_point},dead_zone={dead_zone},axis={axis}"
    second = draw(st.sampled_from(["", "", "|quant{bits=3}", "|quant{bits=2,signed=false}", "|quant{bits=4,step=3.0}"]))
    return str(Chain.parse(f"quant{{{fields},signed={str(signed).lower()}}}{second}|raw"))


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, str, int]:
    """Tensor, chain, opset."""
    dtype = by_name(draw(st.sampled_from(FLOATS + INTEGERS)))
    shape = draw(st.sampled_from([(), (1,), (7,), (0,), (3, 5), (2, 3, 4), (2, 0, 3), (1, 4, 3, 2)]))
    chain = draw(chains(dtype, len(shape)))
    oldest = 13 if dtype.name == "bfloat16" else 9 if dtype.kind == "float" else 7
    opset = draw(st.sampled_from([o for o in (7, 8, 9, 10, 11, 12, 13, 17, 18, 21) if o >= oldest]))
    count = int(np.prod(shape))
    words = f"u{dtype.word_bits // 8}"
    if draw(st.booleans()):  # any bit pattern: NaN of all kinds, infinities, subnormals
        data = draw(st.binary(min_size=count * dtype.word_bits // 8, max_size=count * dtype.word_bits // 8))
        return np.frombuffer(data, words).view(dtype.numpy).reshape(shape), chain, opset
    seed, scale = draw(st.integers(0, 2**16)), draw(st.sampled_from([1e-6, 1e-3, 1.0, 30.0, 1e4, 1e30]))
    values = np.random.default_rng(seed).standard_normal(shape) * scale
    if dtype.kind != "float":
        values = np.clip(values, np.iinfo(dtype.name).min, np.iinfo(dtype.name).max)
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(dtype.numpy), chain, opset


HALVES = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.0, -0.0], np.float32)
SPECIAL = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 1e-40, 3.4e38, -3.4e38], np.float32)


@pytest.mark.runtime
@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(case=cases())
@example(case=(HALVES, "quant{step=1.0}|raw", 17))
@example(case=(HALVES, "quant{step=1.0,dead_zone=0.5}|raw", 9))
@example(case=(SPECIAL, "quant|raw", 10))
@example(case=(SPECIAL, "quant{signed=false}|raw", 18))
@example(case=(np.array([1e308, -1e308, 5e-324]), "quant{signed=false}|raw", 13))
@example(case=(np.array([np.inf, np.nan]), "quant{bits=16}|raw", 13))
@example(case=(np.array([1e-305, -1e-306]), "quant{bits=2,signed=false}|raw", 13))
@example(case=(np.zeros((0, 3), np.float32), "quant{axis=0}|raw", 13))
@example(case=(np.array([0, 255, 7], np.uint8), "quant{step=1.0,zero_point=7,signed=false}|quant{bits=2}|raw", 7))
def test_the_same_bytes_as_the_native_chain(case: tuple[np.ndarray, str, int]) -> None:
    check(*case)


@pytest.mark.runtime
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_the_same_bytes_at_the_default_optimisation_level(dtype: str) -> None:
    rng = np.random.default_rng(11)
    kind = by_name(dtype)
    values = rng.standard_normal((3, 4, 50)) * 40
    x = np.asarray(values if kind.kind == "float" else np.abs(values)).astype(kind.numpy)
    for fields in ("bits=4", "bits=8,signed=false,axis=1", "bits=6,step=0.37,dead_zone=0.1"):
        check(x, f"quant{{{fields}}}|raw", 17, optimized=True)


IF = """g (float[N,4] x, bool c) => (float[N,4] y) {
    [a] r = Relu(x)
    [if] y = If (c) <
        then_branch = t () => (float[N,4] ty) { [ta] ts = Sigmoid(r) [tb] ty = MatMul(ts, w) },
        else_branch = e () => (float[N,4] ey) { [ea] ey = Add(r, x) }
    >
}"""


def outputs(proto: onnx.ModelProto, feed: dict[str, np.ndarray], library: bool) -> list[np.ndarray]:
    import onnxruntime as ort

    from fmpass.runtime import make_session

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    if library:
        return make_session(proto, sess_options=options).run(None, feed)
    return ort.InferenceSession(proto.SerializeToString(), options).run(None, feed)


@pytest.mark.runtime
@pytest.mark.parametrize("yes", [True, False])
def test_edges_that_bodies_read_and_edges_in_bodies(yes: bool, library: str) -> None:
    before = model(IF, {"w": (4, 4)})
    pairs = api.rewrite(before, options=Options(chain="quant{bits=3}|zvc", boundary=True))
    assert pairs.graph.node[-1].op_type == "FmDecompress"
    after = api.rewrite(before, options=Options(chain="quant{bits=3}|zvc", boundary=True, emulate=True))
    onnx.checker.check_model(after, full_check=True)
    assert after.graph.output == before.graph.output
    assert not [f for f in onnx.printer.to_text(after).split() if f.startswith(("FmCompress", "FmDecompress"))]
    feed = {"x": np.random.default_rng(2).standard_normal((3, 4)).astype(np.float32), "c": np.array(yes)}
    for a, b in zip(outputs(pairs, feed, True), outputs(after, feed, False), strict=True):
        assert a.tobytes() == b.tobytes()
    assert [n.op_type for n in before.graph.node] == ["Relu", "If"]  # what came in is not changed


def test_a_lossless_pair_leaves_nothing_behind() -> None:
    before = conv_relu()
    after = api.rewrite(before, options=Options(emulate=True))
    assert list(diff.differences(before, after)) == ["metadata_props[ai.fmpass.form]: new"]
    assert emulated(api.rewrite(before)) == after


def test_names_types_and_metadata() -> None:
    after = api.rewrite(conv_relu(), options=Options(chain="quant{bits=3}|zvc", emulate=True))
    new = [n for n in after.graph.node if n.name not in ("conv1", "relu", "conv2")]
    assert all(n.name.startswith("r__FmEmulate_") and n.domain == "" for n in new)
    assert len({n.name for n in new}) == len(new)
    assert {(p.key, p.value) for n in new for p in n.metadata_props} == {
        ("ai.fmpass.edge", "r"),
        ("ai.fmpass.chain", "quant{bits=3}|zvc"),
    }
    assert after.graph.node[-1].input[0] == "r__fm_restored"
    assert [v.name for v in after.graph.value_info] == ["r__fm_restored"]
    assert [(p.key, p.value) for p in after.metadata_props] == [("ai.fmpass.form", "emulated")]


def test_it_cannot_be_taken_out() -> None:
    after = api.rewrite(conv_relu(), options=Options(emulate=True))
    with pytest.raises(UnsupportedModel) as caught:
        api.remove(after)
    assert caught.value.code == "FM206"


def test_payloads_read_twice_and_near_readers() -> None:
    """Forms that the schema allows from the start: an alias output, a gate, one payload restored twice."""
    text = "g (float[N,4] x) => (float[N,4] y, float[N,4] z) { [a] r = Relu(x) [b] y = MatMul(r, w) [c] z = Add(r, y) }"
    options = Options(chain="quant{bits=3}|zvc", only=("r",))
    after = api.rewrite(model(text, {"w": (4, 4)}), options=options)
    compress, decompress = (n for n in after.graph.node if n.domain == "ai.fmpass")
    compress.output.append("r__fm_near")
    second = onnx.NodeProto.FromString(decompress.SerializeToString())
    second.name, second.output[0] = "again", "r_again"
    second.input.append("y")
    after.graph.node[-2].input[0], after.graph.node[-1].input[0] = "r__fm_near", "r_again"
    after.graph.node.insert(len(after.graph.node) - 1, second)
    found = emulated(after)
    onnx.checker.check_model(found, full_check=True)
    readers = {n.name: list(n.input) for n in found.graph.node}
    assert (readers["b"], readers["c"]) == (["r", "w"], ["r__fm_restored", "y"])


@pytest.mark.parametrize(
    ("dtype", "shape", "chain", "opset", "said"),
    [
        ("float32", (2, 3), "quant|raw", 8, "need opset 9"),
        ("bfloat16", (2, 3), "quant|raw", 12, "need opset 13"),
        ("uint8", (2, 3), "quant{step=1e-300}|raw", 7, "need opset 8"),
        ("uint8", (2, 3), "quant|raw", 6, "need opset 7"),
        ("float32", None, "quant{axis=0}|raw", 17, "rank"),
    ],
)
def test_what_stands_against_it_is_said(dtype: str, shape: Any, chain: str, opset: int, said: str) -> None:
    with pytest.raises(UnsupportedModel) as caught:
        emulated(edge_model(by_name(dtype), shape, chain, opset))
    assert caught.value.code == "FM205"
    assert caught.value.where == "edge 'y'"
    assert said in caught.value.problem


def test_unknown_rank_without_channels() -> None:
    proto = emulated(edge_model(by_name("float32"), None, "quant{bits=5}|raw", 17))
    assert not proto.graph.output[0].type.tensor_type.HasField("shape")


class Halved(Transform):
    """A lossy stage of another package."""

    name = "halved"
    format_id = 9001

    def rejects(self, dtype: DType, rank: int | None) -> str | None:
        return None

    def lossless(self, dtype: DType) -> bool:
        return False

    def output_dtype(self, dtype: DType) -> DType:
        return by_name("int8")

    def side_nbytes(self, dtype: DType, shape: tuple[int, ...]) -> int:
        return 0

    def forward(self, array: Any) -> Any:
        raise NotImplementedError

    def inverse(self, integers: Any, side: bytes, dtype: DType) -> Any:
        raise NotImplementedError

    def bound(self, side: bytes, dtype: DType, shape: tuple[int, ...]) -> Bound:
        raise NotImplementedError


def _builder() -> tuple[Any, Any]:
    import onnx_ir as ir

    from fmpass.graph.naming import numbered
    from fmpass.passes.emulation.builder import Builder, Tensor

    return Builder(17, "edge 'e'", numbered(()), {}), Tensor(ir.Value(name="x"), by_name("float32"), 2)


def test_a_stage_that_nobody_emulates() -> None:
    builder, x = _builder()
    chain = Chain((Halved(),), Chain.parse("raw").coder)
    with pytest.raises(UnsupportedModel, match="'halved' is lossy and has no form in standard operators") as caught:
        emulation.emulated(builder, chain, x)
    assert (caught.value.code, caught.value.where) == ("FM204", "edge 'e'")


def test_a_stage_of_another_package_brings_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulation, "_registered", {})
    seen: list[Any] = []

    def halve(graph: Any, stage: Any, x: Any, words: Callable[[Any], Any] | None) -> Any:
        assert words is not None  # the stage behind is lossy too
        seen.append(stage)
        return graph.cast(words(graph.cast(x, by_name("int8"))), x.dtype)

    emulation.register("halved", halve)
    builder, x = _builder()
    quant = Chain.parse("quant{bits=3}|raw")
    result = emulation.emulated(builder, Chain((Halved(), *quant.transforms), quant.coder), x)
    assert len(seen) == 1
    assert result.dtype.name == "float32"
    assert builder.nodes[0].op_type == "Cast"
    assert len(builder.nodes) > 10
