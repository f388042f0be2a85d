"""Operators written out in small ones: x·σ(x), GELU, hard-swish, layer normalisation, softmax, squeeze-and-excite.

Exporters unfold them; fusing runtimes fold them back into one kernel, which writes only its result. What they have in
common is found, instead of every spelling of each: a region with one entry and one exit inside which everything is
elementwise or a reduction, and whose exit joins two or more paths from the entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fmpass.graph.ops import SELF_GATING

if TYPE_CHECKING:
    import onnx_ir as ir

    from fmpass.graph.flow import Flow

CompositeKind = Literal["activation", "normalisation", "gate"]

_MOST_NODES = 40
_POOLS = frozenset({"GlobalAveragePool", "GlobalMaxPool"})
_JOINS = frozenset({"Mul", "Add", "Sub", "Div", "Min", "Max", "Where", "Sum"})
_GATE_HEAVY = frozenset({"Conv", "Gemm", "MatMul"})
_PASS = frozenset({"Expand"})
_GATES = frozenset({"Mul", "Div"})
"""How an activation function that is written out ends: x times or over a function of x."""


@dataclass(frozen=True, slots=True)
class Composite:
    """One region: `entry` is the value that it reads, `root` the node that writes its result.

    `members` are its nodes without aliases. An activation takes its entry from the kernel before it; a normalisation
    and a gate read theirs twice, so the entry is written to memory.
    """

    kind: CompositeKind
    root: ir.Node
    entry: ir.Value
    members: frozenset[ir.Node]


def find(flow: Flow) -> list[Composite]:
    """All composites of a graph, outermost first where they nest; no node is in two of them."""
    found: list[Composite] = []
    taken: set[ir.Node] = set()
    for node in reversed(flow.nodes):
        if node in taken or node.op_type not in _JOINS or node.domain:
            continue
        composite = _grow(flow, node)
        if composite is not None and taken.isdisjoint(composite.members):
            found.append(composite)
            taken |= composite.members
    return found


def _grow(flow: Flow, root: ir.Node) -> Composite | None:
    """Walk back from `root`, always through the latest producer, until one value feeds everything."""
    members: dict[ir.Node, None] = {root: None}
    frontier = set(flow.operands(root))
    if len(frontier) < 2:
        return None
    while len(members) <= _MOST_NODES:
        if len(frontier) == 1:
            entry = next(iter(frontier))
            if not _continues(flow, entry, members):
                return _classify(flow, root, entry, members)
        latest = max(frontier, key=lambda v: _place(flow, v))
        node = latest.producer()
        if node is None or not _may_be_inside(flow, node, members):
            return None
        frontier.remove(latest)
        members[node] = None
        frontier.update(flow.operands(node))
        if not frontier:
            return None
    return None


def _place(flow: Flow, value: ir.Value) -> int:
    node = value.producer()
    return flow.place.get(node, -1) if node is not None else -1


def _may_be_inside(flow: Flow, node: ir.Node, members: dict[ir.Node, None]) -> bool:
    """True where `node` does small work and its result is read by members only."""
    if node not in flow.place or len(node.outputs) != 1 or not flow.operands(node):
        return False
    kind = flow.roles[node]
    small = kind in ("pointwise", "activation", "reduce") or (not node.domain and node.op_type in _POOLS | _PASS)
    gate = kind == "heavy" and node.op_type in _GATE_HEAVY and len(flow.operands(node)) == 1
    if not small and not gate:
        return False
    readers = flow.readers(node.outputs[0])
    return not readers.escapes and all(reader in members for reader in readers.nodes)


def _continues(flow: Flow, entry: ir.Value, members: dict[ir.Node, None]) -> bool:
    """True at exp(x − max x) inside a softmax and at x − mean x inside a normalisation: the real entry is x."""
    node = entry.producer()
    reduced = any(flow.roles[member] == "reduce" for member in members)
    if node is None or not reduced or not _may_be_inside(flow, node, members):
        return False
    if node.op_type == "Exp":
        return True
    above = [flow.source(v).producer() for v in node.inputs if v is not None]
    return node.op_type == "Sub" and any(n is not None and flow.roles.get(n) == "reduce" for n in above)


def _classify(flow: Flow, root: ir.Node, entry: ir.Value, members: dict[ir.Node, None]) -> Composite | None:
    names = {node.op_type for node in members}
    inside = frozenset(members)
    heavy = any(flow.roles[node] == "heavy" for node in members)
    pooled = bool(names & _POOLS) or bool(names & {"ReduceMean"})
    if heavy:
        if pooled and root.op_type == "Mul" and _behind_pool(flow, members):
            return Composite("gate", root, entry, inside)
        return None
    if any(flow.roles[node] in ("reduce", "move") for node in members):
        if names & _PASS and not any(flow.roles[node] == "reduce" for node in members):
            return None
        gated = bool(names & {"Sigmoid", "HardSigmoid"})
        return Composite("gate" if gated else "normalisation", root, entry, inside)
    if names & SELF_GATING and root.op_type in _GATES:
        return Composite("activation", root, entry, inside)
    return None


def _behind_pool(flow: Flow, members: dict[ir.Node, None]) -> bool:
    """True where every matrix product of a gate works on pooled values, not on the map itself."""
    pooled: set[ir.Node] = set()
    for node in sorted(members, key=lambda n: flow.place[n]):
        above = [v.producer() for v in flow.operands(node)]
        if node.op_type in _POOLS or flow.roles[node] == "reduce" or any(n in pooled for n in above):
            pooled.add(node)
        elif flow.roles[node] == "heavy":
            return False
    return True
