"""From the trained layers to ONNX: batch normalisation folded, and a statically quantised (QDQ) sister model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from demo_network import BatchNorm, Chain, Conv, Relu
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

    from demo_network import Classifier
    from numpy.typing import NDArray

OPSET, IR_VERSION = 17, 8
IMAGE = ["batch", 3, 32, 32]


class _Graph:
    """Nodes and initializers in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def add(self, op: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def model(self, outputs: int) -> onnx.ModelProto:
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, IMAGE)
        scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", outputs])
        graph = helper.make_graph(self.nodes, "demo", [image], [scores], list(self.initializers.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="make_demo")
        model.ir_version = IR_VERSION
        return onnx.shape_inference.infer_shapes(model, strict_mode=True)


def float_model(net: Chain, head: Classifier, classes: tuple[str, ...]) -> onnx.ModelProto:
    """Conv, Relu, Add, GlobalAveragePool and Gemm only; the class names are in the metadata."""
    graph = _Graph()
    features = _chain(graph, net, "image", "")
    pooled = graph.add("GlobalAveragePool", [features], "pool")
    flat = graph.add("Flatten", [pooled], "flat")
    weights, bias = graph.constant("head.weight", head.p["w"]), graph.constant("head.bias", head.p["b"])
    graph.add("Gemm", [flat, weights, bias], "scores")
    model = graph.model(len(classes))
    helper.set_model_props(model, {"classes": ",".join(classes)})
    return model


def _chain(graph: _Graph, chain: Chain, value: str, prefix: str) -> str:
    start, layers, convs = value, chain.layers, 0
    for index, layer in enumerate(layers):
        if isinstance(layer, Conv):
            convs += 1
            norm = layers[index + 1]
            assert isinstance(norm, BatchNorm)
            value = _conv(graph, layer, norm, value, f"{prefix}conv{convs}")
        elif isinstance(layer, Relu):
            value = graph.add("Relu", [value], f"{prefix}relu{convs}")
        elif isinstance(layer, Chain):
            value = _chain(graph, layer, value, f"block{sum(isinstance(x, Chain) for x in layers[: index + 1])}.")
    if chain.residual:
        total = graph.add("Add", [value, start], f"{prefix}add")
        value = graph.add("Relu", [total], f"{prefix}relu")
    return value


def _conv(graph: _Graph, conv: Conv, norm: BatchNorm, value: str, name: str) -> str:
    gain = norm.p["scale"] / np.sqrt(norm.var + np.float32(1e-5))
    raw = conv.p["w"]
    weights = raw.transpose(2, 0, 1)[:, None] if conv.depthwise else raw.transpose(3, 2, 0, 1)
    weights = graph.constant(f"{name}.weight", weights * gain[:, None, None, None])
    bias = graph.constant(f"{name}.bias", norm.p["shift"] - norm.mean * gain)
    edge = [conv.k // 2] * 4
    group = conv.p["w"].shape[2] if conv.depthwise else 1
    return graph.add(
        "Conv", [value, weights, bias], name,
        kernel_shape=[conv.k, conv.k], pads=edge, strides=[conv.stride] * 2, group=group,
    )  # fmt: skip


def quantised_model(model: onnx.ModelProto, images: NDArray[np.float32]) -> onnx.ModelProto:
    """`model` with uint8 activations and int8 weights per output channel, ranges from `images`, as Q/DQ pairs."""
    ranges = _ranges(model, images)
    weights = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    graph, pairs = _Graph(), {}
    fused = {node.input[0] for node in model.graph.node if node.op_type == "Relu"}
    aliases: dict[str, str] = {}

    def pair(value: str) -> tuple[str, float]:
        """The dequantised twin of `value` and its step; made at the first request."""
        if value not in pairs:
            low, high = ranges[aliases.get(value, value)]
            step = max(high - low, 1e-6) / 255
            scale = graph.constant(f"{value}.step", np.float32(step))
            zero = graph.constant(f"{value}.zero", np.uint8(np.clip(round(-low / step), 0, 255)))
            coded = graph.add("QuantizeLinear", [value, scale, zero], f"{value}.q")
            pairs[value] = graph.add("DequantizeLinear", [coded, scale, zero], f"{value}.dq"), step
        return pairs[value]

    for node in model.graph.node:
        if node.op_type == "Flatten":
            aliases[node.output[0]] = node.input[0]
        sources = [value if value in weights else pair(value) for value in node.input]
        inputs = [s if isinstance(s, str) else s[0] for s in sources]
        if node.op_type == "Relu" and node.input[0] in fused:
            inputs = [node.input[0]]  # a Relu right behind its producer fuses with it: no pair in between
        if node.op_type in ("Conv", "Gemm"):
            assert not isinstance(sources[0], str)
            inputs[1:] = _constants(graph, node, weights, sources[0][1])
        clone = onnx.NodeProto()
        clone.CopyFrom(node)
        del clone.input[:]
        clone.input.extend(inputs)
        graph.nodes.append(clone)
    _drop_unread(graph)
    quantised = graph.model(model.graph.output[0].type.tensor_type.shape.dim[1].dim_value)
    quantised.metadata_props.extend(model.metadata_props)
    return quantised


def _constants(graph: _Graph, node: onnx.NodeProto, weights: dict[str, NDArray[np.generic]], step: float) -> list[str]:
    """Dequantised int8 weights and int32 bias of a Conv or Gemm whose input has the step `step`."""
    weight, bias = (weights[name].astype(np.float64) for name in node.input[1:])
    axis = 0 if node.op_type == "Conv" else 1
    others = tuple(i for i in range(weight.ndim) if i != axis)
    steps = np.maximum(abs(weight).max(others), 1e-9) / 127
    spread = steps.reshape([-1 if i == axis else 1 for i in range(weight.ndim)])
    made = []
    for name, value, scale, kind, along in (
        (node.input[1], weight / spread, steps, np.int8, axis),
        (node.input[2], bias / (steps * step), steps * step, np.int32, 0),
    ):
        coded = graph.constant(f"{name}.q", np.rint(value).astype(kind))
        scales = graph.constant(f"{name}.step", scale.astype(np.float32))
        zeros = graph.constant(f"{name}.zero", np.zeros(scale.shape, kind))
        made.append(graph.add("DequantizeLinear", [coded, scales, zeros], f"{name}.dq", axis=along))
    return made


def _drop_unread(graph: _Graph) -> None:
    """Remove nodes and constants that a folded Relu left without a reader."""
    while True:
        read = {value for node in graph.nodes for value in node.input} | {"scores"}
        kept = [node for node in graph.nodes if node.output[0] in read]
        if len(kept) == len(graph.nodes):
            break
        graph.nodes = kept
    graph.initializers = {name: t for name, t in graph.initializers.items() if name in read}


def _ranges(model: onnx.ModelProto, images: NDArray[np.float32]) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each float tensor over `images`, zero always inside."""
    import onnxruntime as ort

    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    names = [node.output[0] for node in model.graph.node]
    del probe.graph.output[:]
    probe.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = ort.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    values = dict(zip(names, session.run(names, {"image": images}), strict=True)) | {"image": images}
    return {name: (min(float(v.min()), 0.0), max(float(v.max()), 0.0)) for name, v in values.items()}


def save(model: onnx.ModelProto, path: Path) -> None:
    """Check and write, the same bytes for the same model."""
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    print(f"{path.name}: {path.stat().st_size} bytes, {len(model.graph.node)} nodes")
