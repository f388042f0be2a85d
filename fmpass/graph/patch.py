"""The source proto with the changes of the passes patched in.

A pass adds nodes, removes its own nodes again, renames inputs, and renames the result of a node in front of a graph
output. Everything else in the file is none of its business and is taken over from the source as it is: other nodes,
order, initializers of every kind, value_info, annotations, functions, training information, metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fmpass.graph.schema import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import onnx
    import onnx_ir as ir


def subgraphs(node: onnx.NodeProto) -> Iterator[tuple[str, onnx.GraphProto]]:
    """(attribute name, graph) of every body of a node; a list of graphs is numbered `name[i]`."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.name, attribute.g
        for i, graph in enumerate(attribute.graphs):
            yield f"{attribute.name}[{i}]", graph


def ir_subgraphs(node: ir.Node) -> Iterator[tuple[str, ir.Graph]]:
    """The same for an onnx_ir node."""
    import onnx_ir as ir

    for attribute in node.attributes.values():
        if attribute.is_ref():
            continue
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.name, attribute.as_graph()
        elif attribute.type == ir.AttributeType.GRAPHS:
            for i, graph in enumerate(attribute.as_graphs()):
                yield f"{attribute.name}[{i}]", graph


def origins(model: ir.Model, proto: onnx.ModelProto) -> dict[ir.Node, onnx.NodeProto]:
    """The source node of every onnx_ir node, bodies and functions included, of a model just read from `proto`."""
    found: dict[ir.Node, onnx.NodeProto] = {}
    todo: list[tuple[ir.Graph, onnx.GraphProto | onnx.FunctionProto]] = [(model.graph, proto.graph)]
    todo.extend((model.functions[_identifier(function)].graph, function) for function in proto.functions)
    while todo:
        graph, source = todo.pop()
        for node, node_proto in zip(graph, source.node, strict=True):
            found[node] = node_proto
            if any(a.HasField("g") or a.graphs for a in node_proto.attribute):
                bodies = zip(ir_subgraphs(node), subgraphs(node_proto), strict=True)
                todo.extend((body, body_proto) for (_, body), (_, body_proto) in bodies)
    return found


def patched(source: onnx.ModelProto, model: ir.Model, origin: dict[ir.Node, onnx.NodeProto]) -> onnx.ModelProto:
    """A copy of `source` with the nodes, inputs, value types and opset imports of `model`."""
    import onnx

    out = onnx.ModelProto()
    out.CopyFrom(source)
    _patch_graph(out.graph, model.graph, origin)
    for function in out.functions:
        if function.domain != DOMAIN:
            _patch_function(function, model.functions[_identifier(function)], origin)
    _patch_opsets(out, model.graph.opset_imports)
    _patch_own(out, model)
    return out


def _patch_own(target: onnx.ModelProto, model: ir.Model) -> None:
    """Functions of our domain, and our entries of the metadata."""
    import onnx_ir as ir

    functions = [function for function in target.functions if function.domain != DOMAIN]
    own = [ir.serde.serialize_function(f) for key, f in sorted(model.functions.items()) if key[0] == DOMAIN]
    if own or len(functions) < len(target.functions):
        functions = [type(function).FromString(function.SerializeToString()) for function in functions]
        del target.functions[:]
        target.functions.extend([*functions, *own])
    prefix = f"{DOMAIN}."
    entries = [(entry.key, entry.value) for entry in target.metadata_props]
    wanted = [entry for entry in entries if not entry[0].startswith(prefix)]
    wanted += sorted(entry for entry in model.metadata_props.items() if entry[0].startswith(prefix))
    if wanted != entries:
        del target.metadata_props[:]
        for key, value in wanted:
            target.metadata_props.add(key=key, value=value)


def _patch_function(target: onnx.FunctionProto, function: ir.Function, origin: dict[ir.Node, onnx.NodeProto]) -> None:
    """Nodes and opset imports. Types of values are not written: only the newest IR versions have room for them."""
    if any(node not in origin for node in function) or len(target.node) != len(function):
        _patch_opsets(target, function.opset_imports)
    _patch_nodes(target, function.graph, origin)


def _patch_opsets(target: onnx.ModelProto | onnx.FunctionProto, imports: Mapping[str, int]) -> None:
    wanted = {_domain(name): version for name, version in imports.items()}
    known = {_domain(o.domain) for o in target.opset_import}
    kept = [type(o).FromString(o.SerializeToString()) for o in target.opset_import if _domain(o.domain) in wanted]
    if len(kept) < len(target.opset_import):
        del target.opset_import[:]
        target.opset_import.extend(kept)
    for name in sorted(wanted.keys() - known):
        target.opset_import.add(domain=name, version=wanted[name])


def _identifier(function: onnx.FunctionProto) -> tuple[str, str, str]:
    return (function.domain, function.name, function.overload)


def _domain(name: str) -> str:
    """The default domain has two spellings."""
    return "" if name == "ai.onnx" else name


def _patch_graph(target: onnx.GraphProto, graph: ir.Graph, origin: dict[ir.Node, onnx.NodeProto]) -> None:
    before = {name for node in target.node for name in node.output}
    added, untyped = _patch_nodes(target, graph, origin)
    _patch_value_info(target, added, before, untyped)


def _patch_nodes(
    target: onnx.GraphProto | onnx.FunctionProto, graph: ir.Graph, origin: dict[ir.Node, onnx.NodeProto]
) -> tuple[list[ir.Value], set[str]]:
    """Write the nodes; gives values that are new or renamed, and names of those that have no type any more."""
    renamed: list[ir.Value] = []
    untyped: set[str] = set()
    nodes = list(graph)
    added = [node for node in nodes if node not in origin]
    target_nodes = [origin[node] if node in origin else _new_node(node) for node in nodes]
    del target.node[:]
    target.node.extend(target_nodes)  # copies, so the source nodes stay as they are
    for node, proto in zip(nodes, target.node, strict=True):
        names = ["" if value is None else value.name or "" for value in node.inputs]
        if len(names) != len(proto.input) or any(a != b for a, b in zip(names, proto.input, strict=True)):
            if len(names) < len(proto.input) and names == list(proto.input[: len(names)]):
                pass  # only trailing empty inputs, which onnx_ir may leave out
            else:
                del proto.input[:]
                proto.input.extend(names)
        if node.domain == DOMAIN:
            if proto.overload != node.overload:
                proto.overload = node.overload
            untyped.update(value.name or "" for value in node.outputs if value.type is None)
        for index, value in enumerate(node.outputs):
            if value.name and proto.output[index] not in ("", value.name):
                proto.output[index] = value.name
                renamed.append(value)
    for node, proto in zip(nodes, target.node, strict=True):
        if any(a.HasField("g") or a.graphs for a in proto.attribute):
            for (_, body), (_, body_proto) in zip(ir_subgraphs(node), subgraphs(proto), strict=True):
                _patch_graph(body_proto, body, origin)
    return [*(v for node in added for v in node.outputs), *renamed], untyped


def _new_node(node: ir.Node) -> onnx.NodeProto:
    """The proto of a node that the source does not have.

    Scalars and lists of integers are written here: a pass adds thousands of such nodes, and onnx_ir's own writer takes
    several times as long. Everything else goes through it.
    """
    import onnx
    import onnx_ir as ir

    attributes: list[onnx.AttributeProto] = []
    for name, attribute in node.attributes.items():
        kind, value = attribute.type, attribute.value
        if kind == ir.AttributeType.INT:
            written = onnx.AttributeProto(name=name, type=onnx.AttributeProto.INT, i=value)
        elif kind == ir.AttributeType.INTS:
            written = onnx.AttributeProto(name=name, type=onnx.AttributeProto.INTS, ints=value)
        elif kind == ir.AttributeType.STRING:
            written = onnx.AttributeProto(name=name, type=onnx.AttributeProto.STRING, s=value.encode())
        else:
            return ir.serde.serialize_node(node)
        attributes.append(written)
    proto = onnx.NodeProto(
        input=["" if value is None else value.name or "" for value in node.inputs],
        output=[value.name or "" for value in node.outputs],
        op_type=node.op_type,
        attribute=attributes,
        metadata_props=[onnx.StringStringEntryProto(key=k, value=v) for k, v in sorted(node.metadata_props.items())],
    )
    for field in ("name", "domain", "overload", "doc_string"):
        if text := getattr(node, field):
            setattr(proto, field, text)
    return proto


def _patch_value_info(target: onnx.GraphProto, added: Iterable[ir.Value], before: set[str], untyped: set[str]) -> None:
    """Drop the types of values that are gone or `untyped` now, write those of new ones. Outputs have theirs already."""
    import onnx_ir as ir

    told = {info.name for infos in (target.output, target.value_info) for info in infos}
    gone = (before - {name for node in target.node for name in node.output}) | untyped
    if gone:
        kept = [info for info in target.value_info if info.name not in gone]
        if len(kept) < len(target.value_info):
            del target.value_info[:]
            target.value_info.extend(kept)
    target.value_info.extend(
        ir.serde.serialize_value(v) for v in added if v.name and v.name not in told and v.type is not None
    )


def from_ir(model: ir.Model) -> onnx.ModelProto:
    """The proto of an onnx_ir.Model, without the value_info that onnx_ir adds for initializers."""
    import onnx_ir as ir

    proto = ir.to_proto(model)
    names = {tensor.name for tensor in proto.graph.initializer}
    kept = [info for info in proto.graph.value_info if info.name not in names]
    if len(kept) < len(proto.graph.value_info):
        del proto.graph.value_info[:]
        proto.graph.value_info.extend(kept)
    return proto


def sparse_constant(graph: onnx.GraphProto) -> onnx.NodeProto | None:
    """The first Constant node with a sparse value, bodies included."""
    todo = [graph]
    while todo:
        for node in todo.pop().node:
            if node.op_type == "Constant" and any(a.HasField("sparse_tensor") for a in node.attribute):
                return node
            if node.attribute:
                todo.extend(body for _, body in subgraphs(node))
    return None
