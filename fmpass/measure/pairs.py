"""The FmCompress / FmDecompress pairs of a rewritten model, as the file has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmpass.graph.schema import COMPRESS, DECOMPRESS, DOMAIN
from fmpass.graph.walk import proto_function_scopes, proto_scopes

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, slots=True)
class Pair:
    """One payload and what is restored from it. `edge` is the name in the nodes' attribute, `source` what goes in.

    `dtype` is the TensorProto.DataType of the restored values; `resident` names the calibrated data that goes in too.
    """

    edge: str
    scope: str
    chain: str
    dtype: int
    source: str
    payload: str
    restored: tuple[str, ...]
    resident: tuple[str, ...]


def find_pairs(proto: onnx.ModelProto) -> tuple[Pair, ...]:
    """Every pair, main graph first, functions last, in node order.

    Source is "" where a payload is not made in the same graph.
    """
    found: list[Pair] = []
    for scope, graph in (*proto_scopes(proto), *proto_function_scopes(proto)):
        makers = {n.output[0]: n for n in graph.node if n.domain == DOMAIN and n.op_type == COMPRESS}
        readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            if node.domain == DOMAIN and node.op_type == DECOMPRESS:
                readers.setdefault(node.input[0], []).append(node)
        found.extend(_pair(scope, nodes, makers.get(payload)) for payload, nodes in readers.items())
    return tuple(found)


def _pair(scope: str, readers: list[onnx.NodeProto], maker: onnx.NodeProto | None) -> Pair:
    values = {a.name: a for a in readers[0].attribute}
    return Pair(
        edge=values["edge"].s.decode() if "edge" in values else readers[0].output[0],
        scope=scope,
        chain=values["chain"].s.decode() if "chain" in values else "",
        dtype=values["dtype"].i if "dtype" in values else 0,
        source=maker.input[0] if maker is not None else "",
        payload=readers[0].input[0],
        restored=tuple(node.output[0] for node in readers),
        resident=tuple(maker.input[1:]) if maker is not None else (),
    )
