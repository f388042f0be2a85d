"""Who really reads a value: constants, aliases and readers seen through them, for one graph scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fmpass.graph.ops import Role, role, tells_type
from fmpass.graph.order import in_order

if TYPE_CHECKING:
    import onnx_ir as ir

_RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}
)
_DATA_FIRST = frozenset(
    {"Reshape", "Expand", "Slice", "Squeeze", "Unsqueeze", "Pad", "Tile", "Resize", "Upsample", "Dropout"}
)
"""Operators whose first input is data and whose others are shapes, axes and the like."""


@dataclass(slots=True)
class Readers:
    """Where a value goes, aliases skipped. `escapes` is True where it also leaves the graph or enters a body."""

    nodes: dict[ir.Node, None] = field(default_factory=dict)
    escapes: bool = False

    def sole(self) -> ir.Node | None:
        """The one node that reads the value, if nothing else does."""
        return next(iter(self.nodes)) if len(self.nodes) == 1 and not self.escapes else None


class Flow:
    """Data flow of one graph. `nodes` are in topological order, `place` counts in it.

    `outer_constants` are constant values of the enclosing scopes, `in_function` says that the graph lies in a function.
    """

    def __init__(self, graph: ir.Graph, outer_constants: frozenset[ir.Value], in_function: bool = False) -> None:
        self.graph = graph
        self.nodes: Sequence[ir.Node] = in_order(graph)
        self.place: dict[ir.Node, int] = {node: i for i, node in enumerate(self.nodes)}
        self.roles: dict[ir.Node, Role] = {
            node: "alias" if in_function and tells_type(node) else role(node) for node in self.nodes
        }
        self._outputs = frozenset(graph.outputs)
        self.constants = self._find_constants(outer_constants)
        self._sources = self._find_sources()
        self._readers = self._find_readers()

    def source(self, value: ir.Value) -> ir.Value:
        """The value that `value` is an alias of, or itself."""
        return self._sources.get(value, value)

    def readers(self, value: ir.Value) -> Readers:
        """Nodes that read `value` or an alias of it."""
        return self._readers.get(value) or Readers(escapes=True)

    def operands(self, node: ir.Node) -> list[ir.Value]:
        """Non-constant data inputs, aliases resolved, each once, in order. Shapes, axes and the like are left out."""
        roles = ("reduce", "activation", "scale", "quantise", "dequantise")
        first_only = node.op_type in _DATA_FIRST or self.roles[node] in roles
        inputs = node.inputs[:1] if first_only else node.inputs
        found = (self.source(v) for v in inputs if v is not None and v not in self.constants)
        return list(dict.fromkeys(found))

    def _find_constants(self, outer: frozenset[ir.Value]) -> frozenset[ir.Value]:
        found = set(outer)
        found.update(self.graph.initializers.values())
        for node in self.nodes:
            if node.op_type == "Constant" and not node.domain:
                found.update(node.outputs)
            elif self.roles[node] != "control" and node.op_type not in _RANDOM:
                inputs = [v for v in node.inputs if v is not None]
                if inputs and all(v in found for v in inputs):
                    found.update(node.outputs)
        return frozenset(found)

    def _find_sources(self) -> dict[ir.Value, ir.Value]:
        found: dict[ir.Value, ir.Value] = {}
        for node in self.nodes:
            if self.roles[node] == "alias" and node.inputs and node.inputs[0] is not None:
                origin = node.inputs[0]
                for value in node.outputs:
                    found[value] = found.get(origin, origin)
        return found

    def _find_readers(self) -> dict[ir.Value, Readers]:
        found: dict[ir.Value, Readers] = {}
        for node in reversed(self.nodes):
            for value in node.outputs:
                found[value] = self._readers_of(value, found)
        for value in self.graph.inputs:
            found[value] = self._readers_of(value, found)
        return found

    def _readers_of(self, value: ir.Value, known: dict[ir.Value, Readers]) -> Readers:
        readers = Readers(escapes=value in self._outputs)
        for user, index in value.uses():
            if user not in self.place:
                readers.escapes = True  # read inside a body
            elif self.roles[user] == "alias":
                for alias in user.outputs if index == 0 else ():  # a second input is a shape or orders execution
                    behind = known.get(alias) or Readers(escapes=True)
                    readers.nodes.update(behind.nodes)
                    readers.escapes |= behind.escapes
            else:
                readers.nodes[user] = None
        return readers
