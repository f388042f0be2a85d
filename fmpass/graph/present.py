"""Pairs that a model has already, and how its edges look through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fmpass.graph.ops import tells_type
from fmpass.graph.schema import COMPRESS, DOMAIN

if TYPE_CHECKING:
    import onnx_ir as ir


def leaves_graph(value: ir.Value) -> bool:
    """True for a graph output, also where a pair stands in front of it."""
    return value.is_graph_output() or _output_behind(value) is not None


def edge_name(value: ir.Value) -> str | None:
    """The name that the edge of a computed value has in the model without pairs."""
    behind = None if value.is_graph_output() else _output_behind(value)
    return value.name if behind is None else behind.name


def direct_readers(value: ir.Value, in_function: bool) -> tuple[list[ir.Node], list[str]]:
    """Nodes that read `value`, seen through its pair, and the chains of the pairs that it has."""
    found: list[ir.Node] = []
    chains: list[str] = []
    for user, index in value.uses():
        if user.domain != DOMAIN and not (in_function and tells_type(user)):
            found.append(user)
        elif index == 0:  # other inputs only order execution or carry resident data
            chain = user.attributes.get("chain")
            chains.append(chain.as_string() if chain is not None else "")
            for output in user.outputs:
                found.extend(direct_readers(output, in_function)[0])
    return found, chains


def _output_behind(value: ir.Value) -> ir.Value | None:
    """The graph output that the pair of `value` restores."""
    for compress, index in value.uses():
        if compress.domain != DOMAIN or index != 0 or compress.op_type != COMPRESS:
            continue
        for decompress, place in compress.outputs[0].uses():
            if decompress.domain == DOMAIN and place == 0 and decompress.outputs[0].is_graph_output():
                return decompress.outputs[0]
    return None
