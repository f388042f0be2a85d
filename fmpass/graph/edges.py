"""The activation edges of a model: every tensor that one node computes and another one reads, in every graph scope.

On demand also its boundary: inputs and outputs of the main graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmpass.dtypes import DType, by_onnx
from fmpass.graph import reasons, shapes, zero_points
from fmpass.graph.flow import Flow
from fmpass.graph.flows import Flows
from fmpass.graph.ops import tells_type
from fmpass.graph.present import direct_readers, edge_name, leaves_graph
from fmpass.graph.schema import DOMAIN
from fmpass.graph.shapes import UNKNOWN, Dim, Types, ValueType
from fmpass.graph.stored import STORED, Verdicts
from fmpass.graph.walk import Scope, scopes

if TYPE_CHECKING:
    import onnx_ir as ir

    from fmpass.graph.io import LoadedModel


@dataclass(frozen=True, slots=True)
class Edge:
    """One activation tensor.

    `scope` is "" for the main graph, else the path of the body: `If_0/then_branch`. `type_number` is the ONNX number of
    the element type, 0 where unknown; `dtype` is None there and for types that payloads do not carry. `shape` has
    sizes, names of symbolic sizes and None for unknown ones, and is None itself where the rank is unknown; `nbytes` is
    None unless every size is known.
    `stored` says whether a fusing runtime writes the tensor to memory; `reason` why it does not, or, for a stored one,
    why it cannot get a pair ("" if it can). `first_use` is the place of the producer, `last_use` that of the last
    reader, counted in nodes of the edge's own graph. `zero_point` is the known zero point of an integer tensor.
    `paired` is True where the edge already has its pair, `chain` is that pair's. `obstacle` says why no pair can be put
    on it whoever asks ("" if one can). `output` is True where the boundary was asked for and the pair of the edge has
    to stand in front of a graph output, whose name the restored tensor takes over. `in_function` is True in the
    scope of a model-local function: `function DOMAIN::NAME` and the bodies in it.
    """

    name: str
    scope: str
    dtype: DType | None
    type_number: int
    shape: tuple[Dim, ...] | None
    producer: str
    producer_op: str
    consumers: tuple[str, ...]
    stored: bool
    reason: str
    nbytes: int | None
    first_use: int
    last_use: int
    zero_point: int | None = None
    paired: bool = False
    chain: str = ""
    obstacle: str = ""
    output: bool = False
    in_function: bool = False

    @property
    def eligible(self) -> bool:
        """True where a pair can be put on the edge."""
        return self.stored and not self.reason

    @property
    def key(self) -> tuple[str, str]:
        """(scope, name): unique in a model."""
        return (self.scope, self.name)


def edges(
    loaded: LoadedModel,
    dims: Mapping[str, int] | None = None,
    types: Types | None = None,
    *,
    boundary: bool = False,
) -> tuple[Edge, ...]:
    """All edges: the main graph in node order, then bodies. `dims` gives sizes to symbolic dimensions for `nbytes`.

    Constants, initializers, graph inputs and tensors that nobody reads are no edges; a pair that is already there is a
    mark on its edge, not more edges. `types` saves the inference where it has been run already. With `boundary` the
    inputs of the main graph come first, and its outputs are edges too; none of these counts as stored that would not
    be one otherwise.
    """
    return tuple(_Finder(loaded, shapes.infer(loaded) if types is None else types, dims or {}, boundary).run())


class _Finder:
    def __init__(self, loaded: LoadedModel, types: Types, dims: Mapping[str, int], boundary: bool) -> None:
        self._loaded = loaded
        self._types = types
        self._dims = dims
        self._boundary = boundary
        self._scopes = {scope.path: scope for scope in scopes(loaded.model, loaded.origin)}
        self._scope_of = {scope.graph: scope for scope in self._scopes.values()}
        self._flows = Flows(tuple(self._scopes.values()))

    def run(self) -> Iterator[Edge]:
        for scope in self._scopes.values():
            flow = self._flows[scope.path]
            verdicts = Verdicts(flow)
            whole = self._boundary and not scope.path
            if whole:
                yield from self._at_inputs(scope, flow)
            for node in flow.nodes:
                if node.domain == DOMAIN or (scope.function and tells_type(node)):
                    continue
                for value in node.outputs:
                    output = whole and leaves_graph(value)
                    if value.name and (value not in flow.constants or output):
                        edge = self._edge(scope, flow, value, verdicts[value], output)
                        if edge is not None:
                            yield edge
            if whole:
                yield from self._constant_outputs(scope, flow)

    def _at_inputs(self, scope: Scope, flow: Flow) -> Iterator[Edge]:
        """Inputs of the main graph. An initializer that may be fed instead is none."""
        for value in scope.graph.inputs:
            if value.name and value.name not in scope.graph.initializers:
                readers, chains = direct_readers(value, bool(scope.function))
                kind = self._types.get((scope.path, value.name), UNKNOWN)
                obstacle = "" if readers else reasons.HANDED_OUT if value.is_graph_output() else reasons.UNREAD
                yield Edge(
                    name=value.name,
                    scope=scope.path,
                    dtype=by_onnx(kind.onnx),
                    type_number=kind.onnx,
                    shape=kind.shape,
                    producer="",
                    producer_op="",
                    consumers=tuple(dict.fromkeys(self._label(reader, scope) for reader in readers)),
                    stored=False,
                    reason=reasons.INPUT,
                    nbytes=nbytes(by_onnx(kind.onnx), kind.shape, self._dims),
                    first_use=0,
                    last_use=self._last_use(scope, flow, value),
                    paired=bool(chains),
                    chain=chains[0] if chains else "",
                    obstacle=obstacle or reasons.of_type(kind) or reasons.of_readers(value),
                )

    def _constant_outputs(self, scope: Scope, flow: Flow) -> Iterator[Edge]:
        """Outputs of the main graph that are initializers, to say that they are left alone."""
        for value in dict.fromkeys(scope.graph.outputs):
            if value.name and value.name in scope.graph.initializers:
                kind = self._types.get((scope.path, value.name), UNKNOWN)
                dtype, size = by_onnx(kind.onnx), nbytes(by_onnx(kind.onnx), kind.shape, self._dims)
                end = len(flow.nodes)
                yield Edge(
                    value.name,
                    "",
                    dtype,
                    kind.onnx,
                    kind.shape,
                    "",
                    "",
                    (),
                    False,
                    reasons.WEIGHT,
                    size,
                    0,
                    end,
                    obstacle=reasons.WEIGHT,
                )

    def _edge(self, scope: Scope, flow: Flow, value: ir.Value, verdict: str, output: bool) -> Edge | None:
        node, name = value.producer(), edge_name(value)
        if node is None or name is None:
            return None
        readers, chains = direct_readers(value, bool(scope.function))
        if not readers and not output:
            return None
        kind = self._types.get((scope.path, name), UNKNOWN)
        dtype = by_onnx(kind.onnx)
        stored = verdict == STORED and bool(readers)
        if not readers:
            verdict = reasons.RESULT
        if stored and dtype is not None and not _carries_features(dtype, flow, node):
            stored, verdict = False, reasons.NO_FEATURES
        obstacle = self._obstacle(scope, kind) or reasons.of_readers(value)
        return Edge(
            name=name,
            scope=scope.path,
            dtype=dtype,
            type_number=kind.onnx,
            shape=kind.shape,
            producer=scope.labels[node],
            producer_op=node.op_type,
            consumers=tuple(dict.fromkeys(self._label(reader, scope) for reader in readers)),
            stored=stored,
            reason=obstacle if stored else verdict,
            nbytes=nbytes(dtype, kind.shape, self._dims),
            first_use=flow.place[node],
            last_use=self._last_use(scope, flow, value),
            zero_point=zero_points.of(value) if stored else None,
            paired=bool(chains),
            chain=chains[0] if chains else "",
            obstacle=obstacle,
            output=output,
            in_function=bool(scope.function),
        )

    def _obstacle(self, scope: Scope, kind: ValueType) -> str:
        """Why a tensor of this type cannot have a pair in this scope, or ""."""
        if scope.function:
            opset = self._scopes[scope.function].graph.opset_imports.get("", 0)
            return reasons.in_function(kind, opset, scope.function in self._flows.called)
        why = reasons.of_type(kind)
        return why or (reasons.IN_SCAN if kind.shape is None and self._in_scan(scope) else "")

    def _in_scan(self, scope: Scope) -> bool:
        """Whether a graph is the body of a Scan, or lies in one."""
        while scope.owner is not None:
            if scope.owner.op_type == "Scan" and not scope.owner.domain:
                return True
            scope = self._scopes[scope.parent]
        return False

    def _label(self, reader: ir.Node, scope: Scope) -> str:
        """The reader's label, with the path from `scope` in front where it is in a body."""
        inner = self._scope_of.get(reader.graph, scope) if reader.graph is not None else scope
        label = inner.labels.get(reader, reader.name or reader.op_type)
        return label if inner is scope else f"{inner.path.removeprefix(scope.path).lstrip('/')}/{label}"

    def _last_use(self, scope: Scope, flow: Flow, value: ir.Value) -> int:
        """Place of the last node that reads `value` or an alias of it; the end of the graph for an output."""
        last, todo = 0, [value]
        while todo:
            current = todo.pop()
            if current.is_graph_output():
                return len(flow.nodes)
            for user, index in current.uses():
                node = self._node_in(scope, user)
                last = max(last, flow.place.get(node, 0) if node is not None else 0)
                if index == 0 and node is user and flow.roles.get(user) == "alias":
                    todo.extend(user.outputs)
        return last

    def _node_in(self, scope: Scope, node: ir.Node) -> ir.Node | None:
        """The node of `scope` that is `node` or has it in a body."""
        current: ir.Node | None = node
        while current is not None and current.graph is not scope.graph:
            inner = self._scope_of.get(current.graph) if current.graph is not None else None
            current = inner.owner if inner is not None else None
        return current


def _carries_features(dtype: DType, flow: Flow, node: ir.Node) -> bool:
    """False for wide integers and truth values, unless an integer kernel computes them."""
    if dtype.kind == "float" or flow.roles[node] in ("quantise", "integer"):
        return True
    return flow.roles[node] == "heavy" and dtype.kind != "bool" and dtype.bits <= 32


def nbytes(dtype: DType | None, shape: tuple[Dim, ...] | None, dims: Mapping[str, int]) -> int | None:
    """Bytes of a tensor, or None where a size is neither known nor given by `dims`."""
    if dtype is None or shape is None:
        return None
    elements = 1
    for dim in shape:
        size = dims.get(dim) if isinstance(dim, str) else dim
        if size is None:
            return None
        elements *= size
    return dtype.nbytes(elements)
