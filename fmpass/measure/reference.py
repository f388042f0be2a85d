"""Changes to a copy of a model that make its inner values observable, without changing what it computes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from fmpass.graph.patch import subgraphs
from fmpass.graph.schema import COMPRESS, DOMAIN, VERSION
from fmpass.graph.walk import proto_function_scopes, proto_scopes

if TYPE_CHECKING:
    import onnx

Keys = Iterable[tuple[str, str]]
"""(scope, value name) of values."""

HELD_SUFFIX = "__fm_held"


def held(proto: onnx.ModelProto, edges: Keys) -> onnx.ModelProto:
    """A copy in which every reader of these values reads them through two Identity nodes.

    For 16-bit floats on a CPU without kernels for them: onnxruntime computes such models in float32 and drops the
    conversions in between, whatever the optimisation level, so the tensors that the model declares never exist and are
    never rounded. Identity has a 16-bit kernel, so behind it the values are what the model says; a single one among
    float32 nodes would be turned into a float32 one.
    """
    wanted: dict[str, set[str]] = {}
    for scope, name in edges:
        wanted.setdefault(scope, set()).add(name)
    copy = _copy(proto)
    for scope, graph in (*proto_scopes(copy), *proto_function_scopes(copy)):
        made = {name for node in graph.node for name in node.output}  # an input is what it is, and read as it is
        names = {name: f"{name}{HELD_SUFFIX}" for name in wanted.get(scope, ()) if name in made}
        if not names:
            continue
        nodes = list(graph.node)
        for node in nodes:
            _rename(node, names)
        added: list[onnx.NodeProto] = []
        for node in nodes:
            added.append(node)
            for name in node.output:
                if name in names:
                    between = f"{names[name]}_between"
                    added += [_node("Identity", "", name, between), _node("Identity", "", between, names[name])]
        _replace_nodes(graph, added)
    return copy


def counted(proto: onnx.ModelProto, edges: Keys) -> onnx.ModelProto:
    """A copy whose operators count under `counter_name`, with one more FmCompress at each of these values.

    Its chain is `raw` and its payload goes nowhere; its counter says how many elements passed, in all calls of a body.
    Pairs inside bodies count under names of their own too, since sibling bodies may share the names of their values.
    """
    wanted: dict[str, set[str]] = {}
    for scope, name in edges:
        wanted.setdefault(scope, set()).add(name)
    copy = _copy(proto)
    for scope, graph in (*proto_scopes(copy), *proto_function_scopes(copy)):
        for node in graph.node:
            if node.domain == DOMAIN and node.op_type == COMPRESS:
                for attribute in node.attribute:
                    if attribute.name == "edge":
                        attribute.s = counter_name(scope, attribute.s.decode()).encode()
        names = wanted.get(scope)
        if not names:
            continue
        added: list[onnx.NodeProto] = []
        for node in graph.node:
            added.append(node)
            for name in node.output:
                if name in names:
                    counter = _node(COMPRESS, DOMAIN, name, f"{name}__fm_counted")
                    _set_text(counter, "chain", "raw")
                    _set_text(counter, "edge", counter_name(scope, name))
                    added.append(counter)
        _replace_nodes(graph, added)
    for part in (copy, *copy.functions):
        if all(o.domain != DOMAIN for o in part.opset_import):
            part.opset_import.add(domain=DOMAIN, version=VERSION)
    return copy


def counter_name(scope: str, edge: str) -> str:
    """Under what name `counted` counts an edge."""
    return f"{scope}/{edge}"


def _copy(proto: onnx.ModelProto) -> onnx.ModelProto:
    copy = type(proto)()
    copy.CopyFrom(proto)
    return copy


def _rename(node: onnx.NodeProto, names: Mapping[str, str]) -> None:
    """Let a node, and the bodies that it holds, read the new names. Names of a body's own values hide outer ones."""
    for index, name in enumerate(node.input):
        if name in names:
            node.input[index] = names[name]
    for _, body in subgraphs(node):
        own = {i.name for i in body.input} | {o for n in body.node for o in n.output}
        visible = {old: new for old, new in names.items() if old not in own}
        if not visible:
            continue
        for inner in body.node:
            _rename(inner, visible)
        for output in body.output:  # a body may give an outer value as its result
            if output.name in visible:
                output.name = visible[output.name]


def _node(op_type: str, domain: str, source: str, target: str) -> onnx.NodeProto:
    import onnx

    return onnx.NodeProto(op_type=op_type, domain=domain, name=target, input=[source], output=[target])


def _set_text(node: onnx.NodeProto, name: str, value: str) -> None:
    attribute = node.attribute.add(name=name, s=value.encode())
    attribute.type = attribute.STRING


def _replace_nodes(graph: onnx.GraphProto | onnx.FunctionProto, nodes: list[onnx.NodeProto]) -> None:
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]  # deleting a list kills its members
    del graph.node[:]
    graph.node.extend(copies)
