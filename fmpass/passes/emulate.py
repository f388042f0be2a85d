"""Put standard ONNX operators with the same numerics in the place of the pairs, for runtimes without the library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import onnx_ir as ir

from fmpass.codecs.chain import Chain
from fmpass.dtypes import by_onnx
from fmpass.errors import UnsupportedModel
from fmpass.graph.naming import Namer
from fmpass.graph.schema import COMPRESS, DECOMPRESS, DOMAIN, EMULATED, FORM
from fmpass.passes.emulation import emulated
from fmpass.passes.emulation.builder import Builder, Tensor
from fmpass.passes.remove import RemovePairs, drop_casts

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class EmulatePairs(ir.passes.InPlacePass):
    """Replace every pair by operators of the opset that the model has.

    The operators stand where FmCompress stood, and what they restore has the name of what FmDecompress restored. A pair
    of a lossless chain leaves nothing behind: its readers read the original again, as an Identity would only be in the
    way of fusions. `reserved` are names not to be taken although onnx_ir does not know them.
    """

    reserved: Iterable[str] = field(default=())

    def requires(self, model: ir.Model) -> None:
        """The pairs are as this release writes them. Raises PreconditionError caused by UnsupportedModel FM202."""
        RemovePairs().requires(model)

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Replace all pairs. Raises UnsupportedModel FM204 or FM205 where a chain cannot be emulated."""
        namer = Namer(model, self.reserved)
        drop_casts(model)  # what takes the place of a pair has types of its own
        pairs = [(node, opset) for graph, opset in _graphs(model) for node in graph if node.domain == DOMAIN]
        for node, opset in pairs:
            if node.op_type == COMPRESS:
                _replace(node, opset, namer)
        changed = RemovePairs()(model).modified  # those of lossless chains
        if pairs:
            for imports in (model.graph.opset_imports, *(f.opset_imports for f in model.functions.values())):
                imports.pop(DOMAIN, None)
            model.metadata_props[FORM] = EMULATED
        return ir.passes.PassResult(model, changed or bool(pairs))


def _graphs(model: ir.Model) -> Iterator[tuple[ir.Graph, int]]:
    """Every graph with the version of the standard operators there, which is a function's own in a function."""
    opset = standard_opset(model.graph.opset_imports)
    yield from ((graph, opset) for graph in model.graphs())
    for function in model.functions.values():
        if function.domain != DOMAIN:
            opset = standard_opset(function.opset_imports)
            yield from ((graph, opset) for graph in (function.graph, *function.subgraphs()))


def standard_opset(imports: Mapping[str, int]) -> int:
    """The version of the standard operators that a graph imports, 0 for none."""
    return imports.get("", imports.get("ai.onnx", 0))


def described(compress: ir.Node, decompress: ir.Node) -> tuple[Chain, Tensor]:
    """The chain of a pair and the tensor that goes in, with the type and rank that come out.

    Raises UnsupportedModel FM204 for a pair with calibrated data.
    """
    chain = Chain.parse(compress.attributes["chain"].as_string())
    dtype = by_onnx(decompress.attributes["dtype"].as_int())
    source = compress.inputs[0]
    assert dtype is not None and source is not None  # by the schema
    if len(compress.inputs) > 1:
        raise UnsupportedModel(
            "FM204",
            where=place_of(compress),
            problem=f"chain {chain} has calibrated data, which no emulation reads",
            hint="choose a chain without, or write pairs and run the model with the library",
        )
    shape = decompress.attributes.get("shape")
    return chain, Tensor(source, dtype, None if shape is None else len(shape.as_ints()))


def place_of(compress: ir.Node) -> str:
    """What to call a pair in messages."""
    return f"edge {_edge(compress)!r}"


def _edge(compress: ir.Node) -> str:
    edge = compress.attributes.get("edge")
    return edge.as_string() if edge is not None else compress.name or ""


def _replace(compress: ir.Node, opset: int, namer: Namer) -> None:
    readers = [node for node, index in compress.outputs[0].uses() if index == 0 and node.op_type == DECOMPRESS]
    if not readers:
        return
    chain, source = described(compress, readers[0])
    if chain.lossless(source.dtype):
        return
    name = _edge(compress)
    notes = {f"{DOMAIN}.edge": name, f"{DOMAIN}.chain": str(chain)}
    builder = Builder(opset, place_of(compress), lambda wanted: namer.free(f"{name}__{wanted}"), notes)
    result = emulated(builder, chain, source).value
    graph = compress.graph
    assert graph is not None
    graph.insert_before(compress, builder.nodes)
    first = readers[0].outputs[0]
    restored, result.type, result.shape, result.doc_string = first.name, first.type, first.shape, first.doc_string
    result.metadata_props.update(first.metadata_props)
    for reader in readers:
        reader.outputs[0].replace_all_uses_with(result, replace_graph_outputs=True)
    for near in compress.outputs[1:]:
        near.replace_all_uses_with(source.value, replace_graph_outputs=True)
    for node in (*readers, compress):
        assert node.graph is not None
        node.graph.remove(node, safe=True)
    first.name, result.name = None, restored
