"""Small models around FmCompress and FmDecompress, built with onnx.helper and nothing of fmpass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import AttributeProto, TensorProto, helper

from fmpass.codecs import container
from fmpass.codecs.chain import Chain
from fmpass.dtypes import DType, by_onnx
from fmpass.runtime.library import library_path

DOMAIN = "ai.fmpass"
RUNTIME = tuple(int(p) for p in ort.__version__.split(".")[:2])


def native_in_python(dtype: DType) -> bool:
    """Whether onnxruntime takes and gives numpy arrays of this type; the others enter as initializers."""
    return dtype.numpy.isbuiltin == 1


def lacking(dtype: DType) -> str | None:
    """Why this runtime has no custom operators on the type, or None."""
    if dtype.bits < 8 and RUNTIME < (1, 21):
        return f"onnxruntime {ort.__version__} lets no custom operator take {dtype.name}"
    return None


@dataclass(frozen=True)
class Pair:
    """Names and attributes of one pair. `shape` None leaves the attribute away."""

    edge: str = "E"
    chain: str = "zvc"
    block: int | None = None

    def compress(self, x: str, payload: str, near: str | None = None, **attributes: Any) -> onnx.NodeProto:
        values = {"chain": self.chain, "edge": self.edge, "block": self.block, **attributes}
        outputs = [payload] if near is None else [payload, near]
        return helper.make_node("FmCompress", [x], outputs, name=f"{payload}_C", domain=DOMAIN, **present(values))

    def decompress(
        self, payload: str, y: str, dtype: int, shape: Sequence[int] | None, gate: str | None = None, **attributes: Any
    ) -> onnx.NodeProto:
        values = {"chain": self.chain, "edge": self.edge, "dtype": dtype, **attributes}
        inputs = [payload] if gate is None else [payload, gate]
        node = helper.make_node("FmDecompress", inputs, [y], name=f"{y}_D", domain=DOMAIN, **present(values))
        if shape is not None:
            node.attribute.append(helper.make_attribute("shape", list(shape), attr_type=AttributeProto.INTS))
        return node


def present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def value(name: str, dtype: int, shape: Sequence[int | str | None] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def payload_info(name: str) -> onnx.ValueInfoProto:
    return value(name, TensorProto.UINT8, [None])


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    value_info: Sequence[onnx.ValueInfoProto] = (),
    initializers: Sequence[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    graph = helper.make_graph(
        list(nodes), "g", list(inputs), list(outputs), list(initializers), value_info=list(value_info)
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def round_trip(
    dtype: DType,
    shape: Sequence[int | str | None],
    pair: Pair = Pair(),
    *,
    declared: bool = True,
    near: bool = False,
    gate: bool = False,
    constant: np.ndarray | None = None,
) -> onnx.ModelProto:
    """X → pair → Y, outputs `payload`, `Y` (and `N`, the near output).

    `declared` writes value_info, `gate` adds a graph input G: float[1] as gate, `constant` makes X an initializer.
    """
    dims = [d if isinstance(d, int) else -1 for d in shape]
    nodes = [
        pair.compress("X", "payload", "N" if near else None),
        pair.decompress("payload", "Y", dtype.onnx, dims, "G" if gate else None),
    ]
    inputs = [] if constant is not None else [value("X", dtype.onnx, shape)]
    inputs += [value("G", TensorProto.FLOAT, [1])] if gate else []
    # An output's type is part of a graph, so what is declared or not is a value in front of the output.
    nodes[-1].output[0] = "restored"
    nodes.append(echo("restored", "Y"))
    outputs = [payload_info("payload"), payload_info("Y")]
    info = [value("restored", dtype.onnx, shape)] if declared else []
    if near:
        nodes.append(echo("N", "near"))
        outputs.append(payload_info("near"))
        info += [value("N", dtype.onnx, shape)] if declared else []
    initializers = [] if constant is None else [tensor("X", dtype, constant)]
    return model(nodes, inputs, outputs, info, initializers)


def echo(x: str, y: str) -> onnx.NodeProto:
    """`y` holds the bytes of `x` as a payload of the chain `raw`: readable whatever types Python and kernels know."""
    return Pair("echo", "raw").compress(x, y)


def heard(payload: np.ndarray) -> np.ndarray:
    """The tensor in an echo."""
    return container.decode(payload.tobytes(), Chain.parse("raw"))


def tensor(name: str, dtype: DType, array: np.ndarray) -> onnx.TensorProto:
    raw = dtype.to_words(array).tobytes()
    return helper.make_tensor(name, dtype.onnx, array.shape, raw, raw=True)


def session(proto: onnx.ModelProto, threads: int = 0, optimize: bool = False) -> ort.InferenceSession:
    """A session by onnxruntime's own means; `fmpass.make_session` has tests of its own."""
    options = ort.SessionOptions()
    options.register_custom_ops_library(library_path())
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what tests provoke need not be printed
    if not optimize:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(proto: onnx.ModelProto, feeds: dict[str, np.ndarray] | None = None, **options: Any) -> dict[str, np.ndarray]:
    """Outputs by name."""
    opened = session(proto, **options)
    return dict(zip([o.name for o in opened.get_outputs()], opened.run(None, feeds or {}), strict=True))


def sample(dtype: DType, shape: Sequence[int], seed: int = 0) -> np.ndarray:
    """Random bit patterns (NaN payloads and infinities included), about half of the elements zero."""
    rng = np.random.default_rng(seed)
    count = int(np.prod(shape, dtype=np.int64))
    if dtype.kind == "bool":
        return rng.integers(0, 2, count).astype(bool).reshape(shape)
    words = rng.integers(0, 256, dtype.nbytes(count), np.uint8)
    array = dtype.from_words(words.view(dtype.word_dtype), tuple(shape)).copy().reshape(-1)
    keep = rng.random(count) < 0.5
    return np.where(keep, array, np.zeros(1, array.dtype)).astype(array.dtype).reshape(shape)


def same_bits(one: np.ndarray, two: np.ndarray) -> bool:
    return one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()


def dtype_of(number: int) -> DType:
    found = by_onnx(number)
    assert found is not None
    return found
