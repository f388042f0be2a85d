"""Graph scopes of a model: the main graph and the bodies of its control-flow nodes, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmpass.graph.patch import ir_subgraphs, subgraphs
from fmpass.graph.schema import DOMAIN

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir


@dataclass(frozen=True, slots=True)
class Scope:
    """One graph. `path` is "" for the main graph, else labels of the nodes on the way: `If_0/then_branch`.

    `owner` is the node whose body it is and `parent` the path of that node's graph; None and "" for the main graph.
    """

    path: str
    graph: ir.Graph
    labels: dict[ir.Node, str]
    """What to call each node: its name, or `Conv#12` (its place in the graph) where it has none or shares one."""
    parent: str = ""
    owner: ir.Node | None = None


class _Labels:
    """Names nodes by their own name where that is unique in the graph, else by operator and place.

    Our own nodes do not count, so that a node keeps its label when the model is rewritten.
    """

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.place = -1

    def next(self, name: str, op_type: str, domain: str) -> str:
        if domain == DOMAIN:
            return name
        self.place += 1
        if not name or name in self.taken:
            name = f"{name or op_type}#{self.place}"
        self.taken.add(name)
        return name


def scopes(model: ir.Model, origin: dict[ir.Node, onnx.NodeProto]) -> Iterator[Scope]:
    """The main graph first, then bodies depth first in node order.

    `origin` gives the name that a node has in the file: onnx_ir invents names for nodes without one.
    """
    todo: list[tuple[str, ir.Graph, str, ir.Node | None]] = [("", model.graph, "", None)]
    while todo:
        path, graph, parent, owner = todo.pop()
        names = _Labels()
        labels: dict[ir.Node, str] = {}
        bodies: list[tuple[str, ir.Graph, str, ir.Node | None]] = []
        for node in graph:
            source = origin.get(node)
            label = names.next(source.name if source is not None else node.name or "", node.op_type, node.domain)
            labels[node] = label
            if node.attributes:
                bodies.extend((_join(path, label, name), body, path, node) for name, body in ir_subgraphs(node))
        yield Scope(path, graph, labels, parent, owner)
        todo.extend(reversed(bodies))


def proto_scopes(proto: onnx.ModelProto) -> Iterator[tuple[str, onnx.GraphProto]]:
    """(path, graph) of the same scopes in the same order, for a proto."""
    todo: list[tuple[str, onnx.GraphProto]] = [("", proto.graph)]
    while todo:
        path, graph = todo.pop()
        names = _Labels()
        bodies: list[tuple[str, onnx.GraphProto]] = []
        for node in graph.node:
            label = names.next(node.name, node.op_type, node.domain)
            if node.attribute:
                bodies.extend((_join(path, label, name), body) for name, body in subgraphs(node))
        yield path, graph
        todo.extend(reversed(bodies))


def _join(path: str, label: str, attribute: str) -> str:
    return f"{path}/{label}/{attribute}" if path else f"{label}/{attribute}"
