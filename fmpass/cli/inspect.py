"""`fmpass inspect MODEL`."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmpass.cli.options import COMMON, NO_DATA, Common, DataFlags, dims
from fmpass.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fmpass.graph.edges import Edge
    from fmpass.measure.statistics import EdgeStatistics


def main(model: Path, /, *, data: DataFlags = NO_DATA, common: Common = COMMON) -> int:
    """List the activation edges of a model: type, shape, bytes, lifetime, and whether they are stored.

    With --data also how sparse their values are and how many bits of entropy they have.

    Parameters
    ----------
    model
        An .onnx file, `-` for stdin.
    """
    from fmpass.cli.streams import readable

    with readable(model) as source:
        return _inspect(source, data, common)


def _inspect(model: Path, data: DataFlags, common: Common) -> int:
    from fmpass import api
    from fmpass.cli.feeds import feeds
    from fmpass.cli.progress import Bar
    from fmpass.graph import liveness
    from fmpass.measure.inputs import input_specs
    from fmpass.measure.statistics import edge_statistics
    from fmpass.report.edges import edges_view, totals_of

    given = dims(data.dim)
    with Bar("reading", common):
        found = api.inspect(model, given)
        first = {spec.shape[0] for spec in input_specs(model) if spec.shape}
    assumed = {name: 1 for name in first if isinstance(name, str) and name not in given}
    edges = [_sized(edge, given | assumed) for edge in found.edges]
    observed: dict[str, EdgeStatistics] = {}
    if data.data is not None:
        with Bar("observing", common) as bar:
            observed = edge_statistics(model, edges, feeds(model, data), bar.update)
    totals: dict[str, Any] = {
        "edges": len(edges),
        "stored": sum(edge.stored for edge in edges),
        "activation_nbytes": liveness.activation_nbytes(edges),
        "peak_live_nbytes": liveness.peak_live_nbytes(edges),
        "weight_nbytes": found.totals.weight_nbytes,
        "assumed_dims": assumed,
    }
    document = {"edges": [_edge(edge, observed) for edge in edges], "totals": totals}
    Output(common).result(document, lambda width: edges_view(edges, totals_of(edges, totals), width, observed))
    return 0


def _sized(edge: Edge, sizes: Mapping[str, int]) -> Edge:
    """The edge with its bytes where `sizes` tells enough."""
    if edge.nbytes is not None or edge.dtype is None or edge.shape is None:
        return edge
    shape = [sizes.get(d) if isinstance(d, str) else d for d in edge.shape]
    known = [d for d in shape if d is not None]
    return replace(edge, nbytes=edge.dtype.nbytes(math.prod(known))) if len(known) == len(shape) else edge


def _edge(edge: Edge, observed: Mapping[str, EdgeStatistics]) -> dict[str, Any]:
    fields: dict[str, Any] = {
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
    if observed:
        seen = None if edge.scope else observed.get(edge.name)
        fields["sparsity"] = seen.sparsity if seen else None
        fields["entropy_bits"] = seen.entropy_bits if seen else None
    return fields
