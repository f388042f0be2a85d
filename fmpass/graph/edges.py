"""The activation edges of a model: every tensor that one node computes and another one reads, in every graph scope.

On demand also its boundary: inputs and outputs of the main graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmpass.dtypes import LEFT_ALONE, DType, by_onnx
from fmpass.graph import shapes, zero_points
from fmpass.graph.flow import Flow
from fmpass.graph.schema import COMPRESS, DOMAIN
from fmpass.graph.shapes import UNKNOWN, Dim, Types, ValueType
from fmpass.graph.stored import STORED, Verdicts
from fmpass.graph.walk import Scope, scopes

if TYPE_CHECKING:
    import onnx_ir as ir

    from fmpass.graph.io import LoadedModel


INPUT = "an input of the model, not an activation"
RESULT = "an output of the model that no node reads"
UNREAD = "an input that no node reads"
HANDED_OUT = "an input that is an output as it is: there is no room for a pair between two names of the signature"
WEIGHT = "an initializer, also where it is an output"
RANKLESS = "its rank is unknown, and onnxruntime runs a Scan only where it can infer the rank of what its body gives"
NO_FEATURES = "integer arithmetic on shapes, indices or conditions, not a feature map"


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
    to stand in front of a graph output, whose name the restored tensor takes over.
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

    def run(self) -> Iterator[Edge]:
        constants: dict[str, frozenset[ir.Value]] = {}
        for scope in self._scopes.values():  # an enclosing graph comes before its bodies
            flow = Flow(scope.graph, constants[scope.parent] if scope.owner is not None else frozenset())
            constants[scope.path] = flow.constants
            verdicts = Verdicts(flow)
            whole = self._boundary and scope.owner is None
            if whole:
                yield from self._at_inputs(scope, flow)
            for node in flow.nodes:
                if node.domain == DOMAIN:
                    continue
                for value in node.outputs:
                    output = whole and leaves_graph(value)
                    if value.name and (value not in flow.constants or output):
                        edge = self._edge(scope, flow, value, verdicts[value], output)
                        if edge is not None:
                            yield edge
            if whole:
                yield from self._constant_outputs(scope, flow)
        yield from self._in_functions()

    def _at_inputs(self, scope: Scope, flow: Flow) -> Iterator[Edge]:
        """Inputs of the main graph. An initializer that may be fed instead is none."""
        for value in scope.graph.inputs:
            if value.name and value.name not in scope.graph.initializers:
                readers, chains = _direct_readers(value)
                kind = self._types.get((scope.path, value.name), UNKNOWN)
                obstacle = "" if readers else HANDED_OUT if value.is_graph_output() else UNREAD
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
                    reason=INPUT,
                    nbytes=nbytes(by_onnx(kind.onnx), kind.shape, self._dims),
                    first_use=0,
                    last_use=self._last_use(scope, flow, value),
                    paired=bool(chains),
                    chain=chains[0] if chains else "",
                    obstacle=obstacle or _obstacle(kind),
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
                    WEIGHT,
                    size,
                    0,
                    end,
                    obstacle=WEIGHT,
                )

    def _edge(self, scope: Scope, flow: Flow, value: ir.Value, verdict: str, output: bool) -> Edge | None:
        node, name = value.producer(), edge_name(value)
        if node is None or name is None:
            return None
        readers, chains = _direct_readers(value)
        if not readers and not output:
            return None
        kind = self._types.get((scope.path, name), UNKNOWN)
        dtype = by_onnx(kind.onnx)
        stored = verdict == STORED and bool(readers)
        if not readers:
            verdict = RESULT
        if stored and dtype is not None and not _carries_features(dtype, flow, node):
            stored, verdict = False, NO_FEATURES
        obstacle = _obstacle(kind) or (RANKLESS if kind.shape is None and self._in_scan(scope) else "")
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
        )

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

    def _in_functions(self) -> Iterator[Edge]:
        for function in self._loaded.model.functions.values():
            scope = f"function {function.domain}::{function.name}"
            for place, node in enumerate(function):
                for value in node.outputs:
                    readers = [user for user, _ in value.uses()]
                    if value.name and readers:
                        label, names = node.name or node.op_type, tuple(r.name or r.op_type for r in readers)
                        reason = "inside a model-local function, which is left as it is"
                        yield Edge(
                            value.name,
                            scope,
                            None,
                            0,
                            None,
                            label,
                            node.op_type,
                            names,
                            False,
                            reason,
                            None,
                            place,
                            place,
                        )


def leaves_graph(value: ir.Value) -> bool:
    """True for a graph output, also where a pair stands in front of it."""
    return value.is_graph_output() or _output_behind(value) is not None


def edge_name(value: ir.Value) -> str | None:
    """The name that the edge of a computed value has in the model without pairs."""
    behind = None if value.is_graph_output() else _output_behind(value)
    return value.name if behind is None else behind.name


def _output_behind(value: ir.Value) -> ir.Value | None:
    """The graph output that the pair of `value` restores."""
    for compress, index in value.uses():
        if compress.domain != DOMAIN or index != 0 or compress.op_type != COMPRESS:
            continue
        for decompress, place in compress.outputs[0].uses():
            if decompress.domain == DOMAIN and place == 0 and decompress.outputs[0].is_graph_output():
                return decompress.outputs[0]
    return None


def _direct_readers(value: ir.Value) -> tuple[list[ir.Node], list[str]]:
    """Nodes that read `value`, seen through its pair, and the chains of the pairs that it has."""
    found: list[ir.Node] = []
    chains: list[str] = []
    for user, index in value.uses():
        if user.domain != DOMAIN:
            found.append(user)
        elif index == 0:  # other inputs only order execution or carry resident data
            chain = user.attributes.get("chain")
            chains.append(chain.as_string() if chain is not None else "")
            for output in user.outputs:
                found.extend(_direct_readers(output)[0])
    return found, chains


def _carries_features(dtype: DType, flow: Flow, node: ir.Node) -> bool:
    """False for wide integers and truth values, unless an integer kernel computes them."""
    if dtype.kind == "float" or flow.roles[node] in ("quantise", "integer"):
        return True
    return flow.roles[node] == "heavy" and dtype.kind != "bool" and dtype.bits <= 32


def _obstacle(kind: ValueType) -> str:
    """Why a stored tensor of this type cannot travel as a payload, or ""."""
    if kind.container:
        article = "an" if kind.container == "optional" else "a"
        return f"{article} {kind.container}, not a dense tensor"
    if not kind.onnx:
        return "its element type is unknown: shape inference stops before it"
    if by_onnx(kind.onnx) is None:
        return LEFT_ALONE.get(kind.onnx, f"element type {kind.onnx} is not carried")
    return ""


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
