"""Model-local functions beside the pairs, so that a file also runs where the operators are not registered.

A runtime takes the registered operator where there is one, and the function of the same name where there is none. The
payload is the tensor itself then; for a lossy chain it is what the chain's emulation makes of the tensor. What a
function does cannot depend on an attribute, so every lossy chain has an overload of FmCompress of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from fmpass.errors import UnsupportedModel
from fmpass.graph.naming import numbered
from fmpass.graph.schema import COMPRESS, DECOMPRESS, DEFAULT_BLOCK, DOMAIN, FORM, PORTABLE
from fmpass.graph.walk import all_graphs
from fmpass.passes.emulate import described, place_of, standard_opset
from fmpass.passes.emulation import emulated
from fmpass.passes.emulation.builder import Builder, Tensor

FUNCTIONS_SINCE = 8
"""The first IR version whose models have functions."""
OVERLOADS_SINCE = 10
"""The first IR version that has several functions of one name."""

_REQUIRED = {COMPRESS: ("chain", "edge"), DECOMPRESS: ("chain", "edge", "dtype")}
_DOC = "What the operator of this name does where its library is not registered: "


def is_portable(model: ir.Model) -> bool:
    """Whether the model has functions for its pairs."""
    return any(domain == DOMAIN for domain, _, _ in model.functions)


def has_overloads(model: ir.Model) -> bool:
    """Whether one of these functions is that of a lossy chain."""
    return any(domain == DOMAIN and overload for domain, _, overload in model.functions)


@dataclass(frozen=True)
class MakePortable(ir.passes.InPlacePass):
    """Give the pairs of a model their functions. A payload is declared by no type: it depends on who computes it."""

    def requires(self, model: ir.Model) -> None:
        """The model can have functions. Raises PreconditionError caused by UnsupportedModel FM203."""
        pairs = _pairs(model)
        name = model.graph.name or "the model"
        within = {graph for f in model.functions.values() for graph in (f.graph, *f.subgraphs())}
        if pairs and model.ir_version < FUNCTIONS_SINCE:
            raise _too_old(name, model.ir_version, "functions", FUNCTIONS_SINCE, "pairs alone")
        for compress, reader in pairs:
            if not _lossless(compress, reader) and model.ir_version < OVERLOADS_SINCE:
                hint = "a lossless chain or --emulate"
                raise _too_old(place_of(compress), model.ir_version, "functions of lossy chains", OVERLOADS_SINCE, hint)
            if not _lossless(compress, reader) and compress.graph in within:
                problem = (
                    "onnxruntime does not see which overload a call in a function means, and lossy chains need one"
                )
                hint = "a lossless chain, --emulate, or --skip 'function *'"
                raise UnsupportedModel("FM203", where=place_of(compress), problem=problem, hint=hint)
            for node in (compress, reader):
                if len(node.inputs) != 1 or len(node.outputs) != 1:
                    problem = "it has more inputs or outputs than its function"
                    raise UnsupportedModel("FM203", where=f"node {node.name!r}", problem=problem, hint="try --emulate")
        if pairs and not standard_opset(model.graph.opset_imports):
            problem = "it imports no standard operators, which a function would need"
            raise UnsupportedModel("FM203", where=name, problem=problem, hint="write pairs alone")

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Add what is missing. Raises UnsupportedModel FM204 or FM205 where a lossy chain cannot be emulated."""
        opset = standard_opset(model.graph.opset_imports)
        changed = False
        pairs = _pairs(model)
        for compress, reader in pairs:
            overload = ""
            if not _lossless(compress, reader):
                chain, tensor = described(compress, reader)
                overload = f"{chain} {tensor.dtype.name}" + ("" if tensor.rank is None else f" rank {tensor.rank}")
            if (DOMAIN, COMPRESS, overload) not in model.functions:
                nodes = _emulation(compress, reader, opset) if overload else [_identity("X", "payload")]
                _add(model, COMPRESS, overload, opset, nodes)
                changed = True
            payload = compress.outputs[0]
            changed = changed or payload.type is not None or compress.overload != overload
            payload.type = payload.shape = None
            compress.overload = overload
        if pairs and (DOMAIN, DECOMPRESS, "") not in model.functions:
            _add(model, DECOMPRESS, "", opset, [_identity("payload", "Y")])
            changed = True
        if pairs:
            model.metadata_props[FORM] = PORTABLE
        return ir.passes.PassResult(model, changed)


def _pairs(model: ir.Model) -> list[tuple[ir.Node, ir.Node]]:
    """Every FmDecompress with the FmCompress that made its payload."""
    found: list[tuple[ir.Node, ir.Node]] = []
    for graph in all_graphs(model):
        for node in graph:
            payload = node.inputs[0] if node.domain == DOMAIN and node.op_type == DECOMPRESS else None
            maker = payload.producer() if payload is not None else None
            if maker is not None and maker.op_type == COMPRESS:
                found.append((maker, node))
    return found


def _lossless(compress: ir.Node, reader: ir.Node) -> bool:
    chain, tensor = described(compress, reader)
    return chain.lossless(tensor.dtype)


def _too_old(where: str, version: int, what: str, since: int, instead: str) -> UnsupportedModel:
    return UnsupportedModel(
        "FM203",
        where=where,
        problem=f"IR version {version} has no {what}: --portable needs IR version {since}",
        hint=f"export the model for IR version {since}, or choose {instead}",
    )


def _emulation(compress: ir.Node, reader: ir.Node, opset: int) -> list[ir.Node]:
    """Nodes from `X` to `payload`."""
    chain, tensor = described(compress, reader)
    x = Tensor(ir.Value(name="X"), tensor.dtype, tensor.rank)
    builder = Builder(opset, place_of(compress), numbered({"X", "payload"}), {})
    result = emulated(builder, chain, x)
    result.value.name = "payload"
    return builder.nodes


def _identity(source: str, result: str) -> ir.Node:
    return ir.Node("", "Identity", [ir.Value(name=source)], outputs=[ir.Value(name=result)], name="Identity")


def _add(model: ir.Model, op_type: str, overload: str, opset: int, nodes: list[ir.Node]) -> None:
    """A function of the nodes: its input is the one value that none of them makes, its output the last one's."""
    made = {value for node in nodes for value in node.outputs}
    used = dict.fromkeys(value for node in nodes for value in node.inputs if value is not None)
    source = next(value for value in used if value not in made)
    does = f"the numerics of {overload}" if overload else "nothing, the tensor passes"
    graph = ir.Graph([source], nodes[-1].outputs, nodes=nodes, opset_imports={"": opset}, doc_string=_DOC + does)
    attributes = [ir.Attr(name, ir.AttributeType.UNDEFINED, None) for name in _REQUIRED[op_type]]
    # no function reads an attribute, but onnx.reference wants a value for each, and graphsurgeon no empty list
    attributes.append(ir.AttrInt64("block", DEFAULT_BLOCK) if op_type == COMPRESS else ir.AttrInt64s("shape", [-1]))
    function = ir.Function(DOMAIN, op_type, overload, graph=graph, attributes=attributes)
    model.functions[function.identifier()] = function
