"""`fmpass inspect MODEL`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmpass.cli.options import COMMON, Common, dims
from fmpass.cli.output import Output

if TYPE_CHECKING:
    from fmpass.graph.edges import Edge


def main(model: Path, /, *, dim: tuple[str, ...] = (), common: Common = COMMON) -> int:
    """List the activation edges of a model: type, shape, bytes, lifetime, and whether they are stored.

    Parameters
    ----------
    model
        An .onnx file.
    dim
        NAME=N: the size of a symbolic dimension; may be repeated.
    """
    from fmpass import api
    from fmpass.cli.files import existing
    from fmpass.cli.progress import Bar
    from fmpass.report.edges import edges_view, totals_of

    with Bar("reading", common):
        found = api.inspect(existing(model), dims(dim))
    sums = found.totals
    document = {
        "edges": [_edge(edge) for edge in found.edges],
        "totals": {
            "edges": sums.edges,
            "stored": sums.stored,
            "activation_nbytes": sums.activation_nbytes,
            "peak_live_nbytes": sums.peak_live_nbytes,
            "weight_nbytes": sums.weight_nbytes,
        },
    }
    totals = totals_of(found.edges, sums.activation_nbytes, sums.peak_live_nbytes, sums.weight_nbytes)
    Output(common).result(document, lambda width: edges_view(found.edges, totals, width))
    return 0


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        "name": edge.name,
        "scope": edge.scope,
        "dtype": edge.dtype.name if edge.dtype else None,
        "shape": None if edge.shape is None else list(edge.shape),
        "nbytes": edge.nbytes,
        "producer": edge.producer,
        "consumers": list(edge.consumers),
        "stored": edge.stored,
        "eligible": edge.eligible,
        "paired": edge.paired,
        "reason": edge.reason,
        "lifetime": [edge.first_use, edge.last_use],
    }
