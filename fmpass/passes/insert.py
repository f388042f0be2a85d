"""Put FmCompress / FmDecompress pairs on the edges that a plan names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import onnx_ir as ir

from fmpass.errors import UnsupportedModel, UsageError
from fmpass.graph.naming import Namer, PairNames
from fmpass.graph.present import edge_name
from fmpass.graph.schema import COMPRESS, DECOMPRESS, DEFAULT_BLOCK, DOMAIN, VERSION
from fmpass.graph.walk import all_graphs

if TYPE_CHECKING:
    from fmpass.graph.edges import Edge
    from fmpass.plan import Decision, Plan


@dataclass(frozen=True)
class InsertPairs(ir.passes.InPlacePass):
    """Apply the pairs of `plan` to a model; edges that have their pair already are passed over.

    `edges` are those of the model as it is (graph.edges); they give types, shapes and producers. FmCompress comes
    right after the producer, or first of all for an input; FmDecompress comes before the first reader, or last of
    all. Every reader, in bodies too, gets the restored tensor. A graph output stays what it was, unless its edge
    says `output`: then the restored tensor takes over its name and the producer's result gets another one. `block`
    is the number of words in a block. `reserved` are names not to be taken although onnx_ir does not know them.
    """

    plan: Plan
    edges: Mapping[tuple[str, str], Edge]
    values: Mapping[tuple[str, str], ir.Value]
    block: int = DEFAULT_BLOCK
    reserved: Iterable[str] = field(default=())

    def requires(self, model: ir.Model) -> None:
        """Every pair of the plan is on an edge that can have one, and the domain is ours.

        Raises PreconditionError caused by UnsupportedModel FM201 or UsageError FM021.
        """
        version = model.graph.opset_imports.get(DOMAIN)
        if version not in (None, VERSION):
            raise UnsupportedModel(
                "FM201",
                where=model.graph.name or "model",
                problem=f"it imports version {version} of {DOMAIN}",
                hint=f"this release writes version {VERSION}; remove the pairs with the release that wrote them",
            )
        for decision in self.plan.pairs:
            edge = self.edges.get((decision.scope, decision.edge))
            if edge is None or (edge.dtype is None and not edge.paired):
                problem = "no such edge" if edge is None else edge.reason
                raise UsageError("FM021", where=f"edge {decision.edge!r}", problem=problem, hint="see `fmpass inspect`")

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Insert what is missing."""
        missing = [d for d in self.plan.pairs if not self.edges[d.scope, d.edge].paired]
        namer = Namer(model, self.reserved)
        places = {graph: {node: i for i, node in enumerate(graph)} for graph in all_graphs(model)}
        owners = {body: node for graph in places for node in graph for body in _bodies(node)}
        for decision in missing:
            edge = self.edges[decision.scope, decision.edge]
            value = self.values[edge.key]
            names = namer.pair(edge.name, edge.output, edge.in_function)
            compress, *restoring = self._pair(value, edge, decision, names)
            restored = restoring[-1].outputs[0]
            graph = value.graph
            assert graph is not None
            place = places[graph]
            uses = [(user, index) for user, index in value.uses() if user is not compress]
            producer, before = value.producer(), (_in_graph(user, place, owners) for user, _ in uses)
            first = min(before, key=lambda node: place[node], default=None)
            if producer is not None:
                graph.insert_after(producer, compress)
            else:
                graph.insert_before(next(iter(place)), compress)
            if first is not None:
                graph.insert_before(first, restoring)
            else:
                graph.extend(restoring)
            for user, index in uses:
                user.replace_input_with(index, restored)
            if edge.output:
                _take_over(graph, value, restored, names)
        if missing:
            model.graph.opset_imports[DOMAIN] = VERSION
            for function in model.functions.values():
                if any(node.domain == DOMAIN for node in function.all_nodes()):
                    function.opset_imports[DOMAIN] = VERSION
        return ir.passes.PassResult(model, bool(missing))

    def _pair(self, value: ir.Value, edge: Edge, decision: Decision, names: PairNames) -> list[ir.Node]:
        """The nodes of a pair; in a function also a Cast to the type that the tensor has (graph.ops.tells_type)."""
        assert edge.dtype is not None
        payload = ir.Value(name=names.payload, type=ir.TensorType(ir.DataType.UINT8), shape=ir.Shape([None]))
        restored = ir.Value(
            name=names.restored,
            type=ir.TensorType(ir.DataType(edge.dtype.onnx)),
            shape=None if edge.shape is None else ir.Shape(list(edge.shape)),
        )
        common = [ir.AttrString("chain", decision.chain), ir.AttrString("edge", edge.name)]
        block = [] if self.block == DEFAULT_BLOCK else [ir.AttrInt64("block", self.block)]
        kind = [ir.AttrInt64("dtype", edge.dtype.onnx)]
        if edge.shape is not None:
            kind.append(ir.AttrInt64s("shape", [d if isinstance(d, int) else -1 for d in edge.shape]))
        notes = {
            f"{DOMAIN}.edge": edge.name,
            f"{DOMAIN}.chain": decision.chain,
            f"{DOMAIN}.reason": decision.reason,
        }
        compress = _node(COMPRESS, value, payload, [*common, *block], names.compress, notes)
        if not edge.in_function:
            return [compress, _node(DECOMPRESS, payload, restored, [*common, *kind], names.decompress, notes)]
        decoded = ir.Value(name=names.decoded, type=restored.type, shape=restored.shape)
        note = {f"{DOMAIN}.edge": edge.name}
        return [
            compress,
            _node(DECOMPRESS, payload, decoded, [*common, *kind], names.decompress, notes),
            ir.Node(
                "",
                "Cast",
                [decoded],
                [ir.AttrInt64("to", edge.dtype.onnx)],
                outputs=[restored],
                name=names.cast,
                metadata_props=note,
            ),
        ]


def values(scopes: Iterable[tuple[str, ir.Graph]]) -> dict[tuple[str, str], ir.Value]:
    """Every input and every computed value of the given (scope path, graph) by (path, name of its edge)."""
    found: dict[tuple[str, str], ir.Value] = {}
    for path, graph in scopes:
        for value in (*graph.inputs, *(output for node in graph for output in node.outputs)):
            name = edge_name(value)
            if name:
                found.setdefault((path, name), value)
    return found


def _take_over(graph: ir.Graph, value: ir.Value, restored: ir.Value, names: PairNames) -> None:
    """Make `restored` the graph output that `value` was, under its name."""
    value.name = names.source
    restored.type, restored.shape, restored.doc_string = value.type, value.shape, value.doc_string
    restored.metadata_props.update(value.metadata_props)
    for index, output in enumerate(graph.outputs):
        if output is value:
            graph.outputs[index] = restored


def _node(
    op_type: str, source: ir.Value, result: ir.Value, attributes: list[ir.Attr], name: str, notes: dict[str, str]
) -> ir.Node:
    return ir.Node(DOMAIN, op_type, [source], attributes, outputs=[result], name=name, metadata_props=dict(notes))


def _bodies(node: ir.Node) -> list[ir.Graph]:
    from fmpass.graph.patch import ir_subgraphs

    return [body for _, body in ir_subgraphs(node)] if node.attributes else []


def _in_graph(node: ir.Node, place: Mapping[ir.Node, int], owners: Mapping[ir.Graph, ir.Node]) -> ir.Node:
    """The node of a graph that is `node` or has it in one of its bodies."""
    while node not in place:
        assert node.graph is not None
        node = owners[node.graph]
    return node
