"""The inputs of a model as `fmpass.data` wants to know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fmpass.data import InputSpec
from fmpass.dtypes import by_onnx

if TYPE_CHECKING:
    import onnx

    from fmpass.graph.io import AnyModel

_CONTAINERS = {"sequence_type": "seq", "optional_type": "optional", "map_type": "map", "sparse_tensor_type": "sparse"}


def input_specs(model: AnyModel) -> tuple[InputSpec, ...]:
    """The inputs that must be fed, in the order of the model; initializers that are listed as inputs need no feed."""
    from fmpass.graph.io import load

    return proto_specs(load(model).to_proto())


def proto_specs(proto: onnx.ModelProto) -> tuple[InputSpec, ...]:
    """The same for a proto."""
    given = {t.name for t in proto.graph.initializer} | {t.values.name for t in proto.graph.sparse_initializer}
    return tuple(_spec(value) for value in proto.graph.input if value.name not in given)


def _spec(value: onnx.ValueInfoProto) -> InputSpec:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return InputSpec(value.name, f"{_CONTAINERS.get(kind or '', 'unknown')}(…)", None)
    tensor = value.type.tensor_type
    dtype = by_onnx(tensor.elem_type)
    name = "string" if tensor.elem_type == 8 else dtype.name if dtype is not None else f"unknown({tensor.elem_type})"
    if not tensor.HasField("shape"):
        return InputSpec(value.name, name, None)
    dims = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in tensor.shape.dim)
    return InputSpec(value.name, name, dims)
