"""onnx_graphsurgeon as a front door: graphs in and out, and graph methods in its own style.

import onnx_graphsurgeon as gs, fmpass.graph.graphsurgeon
graph = gs.import_onnx(model)
restored = graph.fm_decompress(graph.fm_compress(tensor, "zvc"), tensor, "zvc")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fmpass.dtypes import of_array
from fmpass.graph.schema import COMPRESS, DECOMPRESS, DOMAIN, VERSION

if TYPE_CHECKING:
    import onnx


def to_proto(graph: Any) -> onnx.ModelProto:
    """The model of a graph, which is not changed."""
    import onnx_graphsurgeon as gs

    return gs.export_onnx(graph, do_type_check=False)


def from_proto(proto: onnx.ModelProto) -> Any:
    """The graph of a model, with the graph methods of this module."""
    import onnx_graphsurgeon as gs

    register()
    return gs.import_onnx(proto)


def register() -> None:
    """Give graphs `fm_compress` and `fm_decompress`. Any number of calls is one."""
    import onnx_graphsurgeon as gs

    if hasattr(gs.Graph, "fm_compress"):
        return
    gs.Graph.register()(fm_compress)
    gs.Graph.register()(fm_decompress)


def fm_compress(self: Any, tensor: Any, chain: str, edge: str | None = None) -> Any:
    """Add a FmCompress node that reads `tensor`; gives its payload."""
    _import_domain(self)
    attributes = {"chain": chain, "edge": edge or tensor.name}
    payload = _layer(self, COMPRESS, tensor, f"{tensor.name}__fm_payload", attributes)
    payload.dtype = "uint8"
    return payload


def fm_decompress(self: Any, payload: Any, like: Any, chain: str, edge: str | None = None) -> Any:
    """Add a FmDecompress node that reads `payload`; gives a tensor of the type and shape of `like`.

    `like` must have a type.
    """
    import numpy as np

    _import_domain(self)
    number = of_array(np.empty(0, like.dtype)).onnx
    attributes: dict[str, Any] = {"chain": chain, "edge": edge or like.name, "dtype": number}
    if like.shape is not None:
        attributes["shape"] = [d if isinstance(d, int) and d >= 0 else -1 for d in like.shape]
    restored = _layer(self, DECOMPRESS, payload, f"{like.name}__fm_restored", attributes)
    restored.dtype, restored.shape = like.dtype, like.shape
    return restored


def _layer(graph: Any, op_type: str, source: Any, name: str, attributes: dict[str, Any]) -> Any:
    import onnx_graphsurgeon as gs

    output = gs.Variable(name)
    graph.nodes.append(
        gs.Node(op_type, f"{name}_{op_type}", attrs=attributes, inputs=[source], outputs=[output], domain=DOMAIN)
    )
    return output


def _import_domain(graph: Any) -> None:
    import onnx

    domains = list(graph.import_domains or [onnx.helper.make_opsetid("", graph.opset)])
    if all(d.domain != DOMAIN for d in domains):
        graph.import_domains = [*domains, onnx.helper.make_opsetid(DOMAIN, VERSION)]
