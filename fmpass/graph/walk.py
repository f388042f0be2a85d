"""Graph scopes of a model: the main graph, model-local functions and bodies of control-flow nodes, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmpass.graph.ops import tells_type
from fmpass.graph.patch import ir_subgraphs, subgraphs
from fmpass.graph.schema import DECOMPRESS, DOMAIN

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir


@dataclass(frozen=True, slots=True)
class Scope:
    """One graph. `path` is "" for the main graph, else labels of the nodes on the way: `If_0/then_branch`.

    `owner` is the node whose body it is and `parent` the path of that node's graph; None and "" for the main graph.
    The path of a function is `function DOMAIN::NAME`, that of its bodies begins so; `function` is its path then.
    """

    path: str
    graph: ir.Graph
    labels: dict[ir.Node, str]
    """What to call each node: its name, or `Conv#12` (its place in the graph) where it has none or shares one."""
    parent: str = ""
    owner: ir.Node | None = None
    function: str = ""


class _Labels:
    """Names nodes by their own name where that is unique in the graph, else by operator and place.

    Our own nodes do not count, so that a node keeps its label when the model is rewritten.
    """

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.place = -1

    def next(self, name: str, op_type: str, ours: bool) -> str:
        if ours:
            return name
        self.place += 1
        if not name or name in self.taken:
            name = f"{name or op_type}#{self.place}"
        self.taken.add(name)
        return name


def scopes(model: ir.Model, origin: dict[ir.Node, onnx.NodeProto]) -> Iterator[Scope]:
    """The main graph first, then bodies depth first in node order, then functions, each with its bodies.

    `origin` gives the name that a node has in the file: onnx_ir invents names for nodes without one.
    """
    todo: list[tuple[str, ir.Graph, str, ir.Node | None, str]] = [("", model.graph, "", None, "")]
    for function in model.functions.values():
        if function.domain != DOMAIN:
            path = function_path(function.domain, function.name, function.overload)
            todo.insert(0, (path, function.graph, "", None, path))
    while todo:
        path, graph, parent, owner, within = todo.pop()
        names = _Labels()
        labels: dict[ir.Node, str] = {}
        bodies: list[tuple[str, ir.Graph, str, ir.Node | None, str]] = []
        for node in graph:
            source = origin.get(node)
            ours = node.domain == DOMAIN or (bool(within) and tells_type(node))
            label = names.next(source.name if source is not None else node.name or "", node.op_type, ours)
            labels[node] = label
            if node.attributes:
                bodies.extend((_join(path, label, name), body, path, node, within) for name, body in ir_subgraphs(node))
        yield Scope(path, graph, labels, parent, owner, within)
        todo.extend(reversed(bodies))


def proto_scopes(proto: onnx.ModelProto) -> Iterator[tuple[str, onnx.GraphProto]]:
    """(path, graph) of the main graph and bodies in the same order, for a proto."""
    yield from scopes_below("", proto.graph)


def proto_function_scopes(proto: onnx.ModelProto) -> Iterator[tuple[str, onnx.GraphProto | onnx.FunctionProto]]:
    """(path, function or body) of all functions but our own, in the same order."""
    for function in proto.functions:
        if function.domain != DOMAIN:
            yield from scopes_below(function_path(function.domain, function.name, function.overload), function)


def scopes_below(start: str, first: Any) -> Iterator[tuple[str, Any]]:
    """(path, graph) of `first`, whose path is `start`, and of the bodies in it."""
    todo = [(start, first)]
    while todo:
        path, graph = todo.pop()
        bodies: list[tuple[str, onnx.GraphProto]] = []
        for node, label in labelled(graph.node, bool(start)):
            if node.attribute:
                bodies.extend((_join(path, label, name), body) for name, body in subgraphs(node))
        yield path, graph
        todo.extend(reversed(bodies))


def labelled(nodes: Iterable[onnx.NodeProto], in_function: bool) -> Iterator[tuple[onnx.NodeProto, str]]:
    """The nodes of one graph in the order of the file, each with what to call it."""
    names = _Labels()
    decoded: set[str] = set()
    for node in nodes:
        ours = node.domain == DOMAIN or (in_function and node.op_type == "Cast" and node.input[0] in decoded)
        if ours and node.op_type == DECOMPRESS:
            decoded.update(node.output)
        yield node, names.next(node.name, node.op_type, ours)


def function_path(domain: str, name: str, overload: str) -> str:
    """The path of a function as a scope."""
    return f"function {domain}::{name}" + (f":{overload}" if overload else "")


def all_graphs(model: ir.Model) -> Iterator[ir.Graph]:
    """Every graph of a model: main graph, bodies, functions but our own, and their bodies."""
    yield from model.graphs()
    for function in model.functions.values():
        if function.domain != DOMAIN:
            yield function.graph
            yield from function.subgraphs()


def _join(path: str, label: str, attribute: str) -> str:
    return f"{path}/{label}/{attribute}" if path else f"{label}/{attribute}"
