"""Types of the values in model-local functions: what every call makes of them, and what all calls agree on.

A function has no types of its own. For each different call (types of the arguments, small constants among them,
attributes) its nodes are inferred as a model of their own, under the function's own opset imports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from fmpass.graph.patch import subgraphs
from fmpass.graph.schema import DOMAIN
from fmpass.graph.walk import function_path

if TYPE_CHECKING:
    import onnx

Infer = Callable[["onnx.ModelProto"], "onnx.ModelProto"]
_Key = tuple[str, str, str]
_Visible = Mapping[str, "onnx.TypeProto | onnx.TensorProto"]

_MOST_CALLS = 2000
"""Different calls looked at; a model with more is inferred no further, its functions stay without types."""


def instances(model: onnx.ModelProto, infer: Infer) -> Iterable[tuple[str, onnx.ModelProto]]:
    """(path of a function, model of its nodes with the types that one call gives) for every different call.

    `model` has been inferred already; `infer` infers others. Calls from bodies and from functions count too.
    """
    functions = {_key(f.domain, f.name, f.overload): f for f in model.functions if f.domain != DOMAIN}
    if not functions:
        return
    todo = list(_calls(model.graph, functions))
    seen: set[bytes] = set()
    while todo and len(seen) < _MOST_CALLS:
        instance = todo.pop(0)
        path, inner = instance
        identity = path.encode() + b"\0" + inner.graph.SerializeToString(deterministic=True)
        if identity in seen:
            continue
        seen.add(identity)
        inner.functions.extend(model.functions)
        inner = infer(inner)
        yield path, inner
        todo.extend(_calls(inner.graph, functions))
    if todo:
        for function in functions.values():  # not all calls are known, so nothing is
            yield function_path(function.domain, function.name, function.overload), type(model)()


def _key(domain: str, name: str, overload: str) -> _Key:
    return ("" if domain == "ai.onnx" else domain, name, overload)


def _calls(
    graph: onnx.GraphProto, functions: Mapping[_Key, onnx.FunctionProto]
) -> Iterable[tuple[str, onnx.ModelProto]]:
    """A model for every call of a function in a graph and its bodies."""
    todo: list[tuple[onnx.GraphProto, dict[str, onnx.TypeProto | onnx.TensorProto]]] = [(graph, {})]
    while todo:
        current, outer = todo.pop()
        visible = dict(outer)
        for infos in (current.value_info, current.input, current.output):
            visible.update((info.name, info.type) for info in infos)
        visible.update((tensor.name, tensor) for tensor in current.initializer)
        for node in current.node:
            function = functions.get(_key(node.domain, node.op_type, node.overload))
            if function is not None:
                path = function_path(function.domain, function.name, function.overload)
                yield path, _instance(function, node, visible)
            if node.attribute:
                todo.extend((body, visible) for _, body in subgraphs(node))


def _instance(function: onnx.FunctionProto, call: onnx.NodeProto, visible: _Visible) -> onnx.ModelProto:
    """The nodes of `function` as a model, with the arguments of `call` as inputs and its attributes in place."""
    import onnx

    model = onnx.ModelProto(ir_version=onnx.IR_VERSION)
    model.opset_import.extend(function.opset_import)
    graph = model.graph
    for index, name in enumerate(function.input):
        known = visible.get(call.input[index]) if index < len(call.input) else None
        if isinstance(known, onnx.TensorProto):
            graph.initializer.append(known)
            graph.initializer[-1].name = name
        elif known is not None and known.WhichOneof("value") is not None:
            graph.input.add(name=name).type.CopyFrom(known)
    given = {a.name: a for a in function.attribute_proto} | {a.name: a for a in call.attribute}
    graph.node.extend(function.node)
    for node in graph.node:
        _substitute(node, given)
    return model


def _substitute(node: onnx.NodeProto, given: Mapping[str, onnx.AttributeProto]) -> None:
    """Put the attributes of a call where the nodes of a function refer to them; what is not given is left out."""
    attributes = [type(a).FromString(a.SerializeToString()) for a in node.attribute]
    if any(a.ref_attr_name for a in attributes):
        del node.attribute[:]
        for attribute in attributes:
            name = attribute.name
            if attribute.ref_attr_name:
                if attribute.ref_attr_name not in given:
                    continue
                attribute.CopyFrom(given[attribute.ref_attr_name])
                attribute.name = name
            node.attribute.append(attribute)
    for _, body in subgraphs(node):
        for inner in body.node:
            _substitute(inner, given)
