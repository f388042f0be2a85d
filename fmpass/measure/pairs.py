"""The FmCompress / FmDecompress pairs of a rewritten model, as the file has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmpass.graph.walk import proto_scopes

if TYPE_CHECKING:
    import onnx

DOMAIN = "ai.fmpass"


@dataclass(frozen=True, slots=True)
class Pair:
    """One restored value. `edge` is the name in the node's attribute, `source` the value that goes in.

    `dtype` is the TensorProto.DataType of the restored value; `resident` names the values that both nodes share.
    """

    edge: str
    scope: str
    chain: str
    dtype: int
    source: str
    payload: str
    restored: str
    resident: tuple[str, ...]


def find_pairs(proto: onnx.ModelProto) -> tuple[Pair, ...]:
    """Every pair, main graph first, in node order. A payload that is not made in the same graph has source ""."""
    found: list[Pair] = []
    for scope, graph in proto_scopes(proto):
        sources = {n.output[0]: n for n in graph.node if n.domain == DOMAIN and n.op_type == "FmCompress"}
        for node in graph.node:
            if node.domain != DOMAIN or node.op_type != "FmDecompress":
                continue
            values = {a.name: a for a in node.attribute}
            maker = sources.get(node.input[0])
            found.append(
                Pair(
                    edge=values["edge"].s.decode() if "edge" in values else node.output[0],
                    scope=scope,
                    chain=values["chain"].s.decode() if "chain" in values else "",
                    dtype=values["dtype"].i if "dtype" in values else 0,
                    source=maker.input[0] if maker is not None else "",
                    payload=node.input[0],
                    restored=node.output[0],
                    resident=tuple(maker.input[1:]) if maker is not None else (),
                )
            )
    return tuple(found)
