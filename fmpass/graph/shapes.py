"""Types and symbolic shapes of all values, found by ONNX's own inference on the original model, which stays as it is.

Inference runs on a slim copy: large initializers become inputs of the same type, so neither their bytes nor protobuf's
2 GB limit matter. What the file says about types is believed unless it contradicts the operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmpass.graph.order import sort
from fmpass.graph.surrogates import SURROGATES, substitute
from fmpass.graph.walk import proto_scopes, scopes_below

if TYPE_CHECKING:
    import onnx

    from fmpass.graph.io import LoadedModel

Dim = int | str | None
"""A size, the name of a symbolic size, or None where nothing is known."""

_SMALL = 1024
_LOOKALIKES = 17
"""Opset of look-alikes in functions that import no standard operators."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """`onnx` is the `TensorProto.DataType` number, 0 where unknown. `shape` is None where even the rank is unknown.

    `container` names what a value is that is no dense tensor: "sequence", "optional", "map" or "sparse tensor".
    `varies` is True in a function where calls disagree about the element type; it is unknown then.
    """

    onnx: int = 0
    shape: tuple[Dim, ...] | None = None
    container: str = ""
    varies: bool = False


Types = Mapping[tuple[str, str], ValueType]
"""(scope path, value name) → type."""

UNKNOWN = ValueType()


def infer(loaded: LoadedModel) -> Types:
    """Types of all values of all scopes. A value that is missing here has an unknown type."""
    proto = loaded.source
    slim = _slim_from_ir(loaded) if proto is None else _slim(proto)
    told = _collect(slim)
    named = {dim for kind in told.values() for dim in kind.shape or () if isinstance(dim, str)}
    done = _run(slim)
    inferred = {key: _without_invented(kind, named) for key, kind in _collect(done).items()}
    in_functions = _in_functions(done, named)
    return {**told, **{key: kind for key, kind in inferred.items() if kind != UNKNOWN}, **in_functions}


def _in_functions(done: onnx.ModelProto, named: set[str]) -> dict[tuple[str, str], ValueType]:
    """Types of values in functions, as far as all calls agree."""
    from fmpass.graph import calls

    found: dict[tuple[str, str], list[ValueType]] = {}
    count: dict[str, int] = {}
    for path, instance in calls.instances(done, _infer_call):
        count[path] = count.get(path, 0) + 1
        for inner, kinds in ((inner, _types_of(graph)) for inner, graph in scopes_below(path, instance.graph)):
            for name, kind in kinds.items():
                found.setdefault((inner, name), []).append(_without_invented(kind, named))
    calls_of = {key: next(n for path, n in count.items() if _lies_in(key[0], path)) for key in found}
    return {key: _agreed(kinds) for key, kinds in found.items() if len(kinds) == calls_of[key]}


def _infer_call(instance: onnx.ModelProto) -> onnx.ModelProto:
    _prepare(instance.graph, in_function=True)
    if all(o.domain not in ("", "ai.onnx") for o in instance.opset_import):
        instance.opset_import.add(domain="", version=_LOOKALIKES)
    return _run(instance)


def _lies_in(scope: str, path: str) -> bool:
    return scope == path or scope.startswith(f"{path}/")


def _agreed(kinds: list[ValueType]) -> ValueType:
    """What all of these have in common."""
    first = kinds[0]
    if any((kind.onnx, kind.container) != (first.onnx, first.container) for kind in kinds):
        return ValueType(varies=all(kind.onnx or kind.container for kind in kinds))
    shapes = [kind.shape for kind in kinds if kind.shape is not None]
    if len(shapes) < len(kinds) or any(len(shape) != len(shapes[0]) for shape in shapes):
        return ValueType(first.onnx, None, first.container)
    dims = (set(sizes) for sizes in zip(*shapes, strict=True))
    return ValueType(first.onnx, tuple(sizes.pop() if len(sizes) == 1 else None for sizes in dims), first.container)


def _collect(proto: onnx.ModelProto) -> dict[tuple[str, str], ValueType]:
    found: dict[tuple[str, str], ValueType] = {}
    for path, graph in proto_scopes(proto):
        found.update(((path, name), kind) for name, kind in _types_of(graph).items())
    return found


def _types_of(graph: onnx.GraphProto) -> dict[str, ValueType]:
    infos = (info for infos in (graph.value_info, graph.input, graph.output) for info in infos)
    return {info.name: value_type(info.type) for info in infos}


def _without_invented(kind: ValueType, named: set[str]) -> ValueType:
    """Names of sizes that only the inference made up say nothing, and could clash with those of the model."""
    if kind.shape is None or all(not isinstance(dim, str) or dim in named for dim in kind.shape):
        return kind
    return ValueType(kind.onnx, tuple(None if isinstance(d, str) and d not in named else d for d in kind.shape))


def value_type(proto: onnx.TypeProto) -> ValueType:
    """A TypeProto as a value."""
    kind = proto.WhichOneof("value")
    if kind == "tensor_type":
        tensor = proto.tensor_type
        if not tensor.HasField("shape"):
            return ValueType(tensor.elem_type)
        return ValueType(tensor.elem_type, tuple(_dim(d) for d in tensor.shape.dim))
    if kind is None:
        return UNKNOWN
    return ValueType(container=kind.removesuffix("_type").replace("_", " "))


def _dim(proto: onnx.TensorShapeProto.Dimension) -> Dim:
    if proto.HasField("dim_value"):
        return proto.dim_value if proto.dim_value > 0 else None  # exporters write 0 and −1 for "unknown"
    return proto.dim_param or None


def _slim(source: onnx.ModelProto) -> onnx.ModelProto:
    """A copy for inference: no weights, contrib operators replaced by look-alikes."""
    import onnx

    slim = onnx.ModelProto(ir_version=max(source.ir_version, 4))  # before IR 4 initializers had to be inputs
    slim.opset_import.extend(source.opset_import)
    slim.functions.extend(source.functions)
    graph = slim.graph
    graph.input.extend(source.graph.input)
    graph.output.extend(source.graph.output)
    graph.value_info.extend(source.graph.value_info)
    graph.node.extend(source.graph.node)
    inputs = {i.name for i in source.graph.input}
    for tensor in source.graph.initializer:
        if tensor.data_location != tensor.EXTERNAL and len(tensor.raw_data) <= _SMALL and _elements(tensor) <= _SMALL:
            graph.initializer.append(tensor)
        elif tensor.name not in inputs:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    for sparse in source.graph.sparse_initializer:
        graph.input.append(
            onnx.helper.make_tensor_value_info(sparse.values.name, sparse.values.data_type, list(sparse.dims))
        )
    _prepare(graph)
    return slim


def _slim_from_ir(loaded: LoadedModel) -> onnx.ModelProto:
    """The same for an onnx_ir.Model, whose weights may lie in files or be larger than protobuf allows."""
    import onnx_ir as ir

    model = loaded.model.clone()
    large: list[onnx.ValueInfoProto] = []
    for value in list(model.graph.initializers.values()):
        tensor = value.const_value
        if tensor is not None and tensor.size <= _SMALL and tensor.nbytes <= _SMALL * 8:
            continue
        if value not in model.graph.inputs:
            large.append(ir.to_proto(value))
        del model.graph.initializers[value.name or ""]
    slim = ir.to_proto(model)
    slim.graph.input.extend(large)
    slim.ir_version = max(slim.ir_version, 4)
    _prepare(slim.graph)
    return slim


def _prepare(graph: onnx.GraphProto, in_function: bool = False) -> None:
    """Replace what inference does not know, and forget sizes of inputs that cannot be meant: 0 and less.

    Bodies get the small constants of enclosing graphs that they read: inference hands down types, but no values.
    """
    from fmpass.graph.patch import subgraphs

    for info in graph.input:
        for dim in info.type.tensor_type.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value <= 0:
                dim.ClearField("dim_value")

    todo: list[tuple[onnx.GraphProto, dict[str, onnx.TensorProto]]] = [(graph, {})]
    while todo:
        current, visible = todo.pop()
        sort(current, in_function)
        own = {info.name for info in current.input} | {name for node in current.node for name in node.output}
        visible = {name: tensor for name, tensor in visible.items() if name not in own}
        read = {name for node in current.node for name in node.input} | {info.name for info in current.output}
        kept = {tensor.name for tensor in current.initializer}
        current.initializer.extend(visible[name] for name in sorted(read & visible.keys() - kept))
        visible |= {tensor.name: tensor for tensor in current.initializer}
        visible |= {node.output[0]: tensor for node in current.node if (tensor := _constant(node)) is not None}
        for node in current.node:
            if (node.domain, node.op_type) in SURROGATES:
                substitute(node)
            if node.attribute:
                todo.extend((body, visible) for _, body in subgraphs(node))


def _constant(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """What a Constant node gives, as a small tensor of that name."""
    import onnx

    if node.op_type != "Constant" or node.domain not in ("", "ai.onnx") or len(node.attribute) != 1 or not node.output:
        return None
    value, name = node.attribute[0], node.output[0]
    if value.name == "value" and _elements(value.t) <= _SMALL and len(value.t.raw_data) <= _SMALL:
        tensor = onnx.TensorProto()
        tensor.CopyFrom(value.t)
        tensor.name = name
        return tensor
    if value.name == "value_int":
        return onnx.TensorProto(name=name, data_type=onnx.TensorProto.INT64, int64_data=[value.i])
    if value.name == "value_ints" and len(value.ints) <= _SMALL:
        kind, dims = onnx.TensorProto.INT64, [len(value.ints)]
        return onnx.TensorProto(name=name, data_type=kind, dims=dims, int64_data=value.ints)
    return None


def _elements(tensor: onnx.TensorProto) -> int:
    count = 1
    for dim in tensor.dims:
        count *= dim
    return count


def _run(slim: onnx.ModelProto) -> onnx.ModelProto:
    from onnx import shape_inference

    try:
        return shape_inference.infer_shapes(slim, data_prop=True, strict_mode=True)
    except (shape_inference.InferenceError, RuntimeError, ValueError):
        # annotations and operators contradict each other, and then runtimes believe the operators
        _forget_annotations(slim)
    try:
        return shape_inference.infer_shapes(slim, data_prop=True)
    except (shape_inference.InferenceError, RuntimeError, ValueError):
        return slim


def _forget_annotations(slim: onnx.ModelProto) -> None:
    """Drop what the file says about results of standard operators; of others it is all that is known."""
    for _, graph in proto_scopes(slim):
        opaque = {name for node in graph.node if node.domain not in ("", "ai.onnx") for name in node.output}
        kept = [info for info in graph.value_info if info.name in opaque]
        del graph.value_info[:]
        graph.value_info.extend(kept)
        for info in graph.output:
            if info.name not in opaque and info.type.HasField("tensor_type"):
                info.type.tensor_type.ClearField("shape")
