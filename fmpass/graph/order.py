"""Topological order for files that do not keep it: ONNX demands it, onnxruntime does without."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from fmpass.graph.patch import ir_subgraphs
from fmpass.graph.sound import names_read
from fmpass.graph.walk import labelled

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir


def sort(graph: onnx.GraphProto, in_function: bool) -> None:
    """Put the nodes of a graph, not those of its bodies, into an order that ONNX accepts. One that it has is kept.

    Where it has none the nodes are named by their labels, which count places in the file.
    """
    makers = {name: place for place, node in enumerate(graph.node) for name in node.output}
    found = _sequence([[makers[name] for name in names_read(node) if name in makers] for node in graph.node])
    if found is not None:
        for node, label in labelled(graph.node, in_function):
            node.name = label
        nodes = [type(n).FromString(n.SerializeToString()) for n in (graph.node[place] for place in found)]
        del graph.node[:]
        graph.node.extend(nodes)


def in_order(graph: ir.Graph) -> Sequence[ir.Node]:
    """The nodes of a graph so that each comes after what it reads, its bodies included; the file's order where it can
    be kept.
    """
    nodes = list(graph)
    places = {node: place for place, node in enumerate(nodes)}
    needs: list[list[int]] = []
    for node in nodes:
        found = [places[p] for v in node.inputs if v is not None and (p := v.producer()) is not None and p in places]
        todo = [body for _, body in ir_subgraphs(node)] if node.attributes else []
        while todo:
            body = todo.pop()
            for inner in body:
                makers = (v.producer() for v in inner.inputs if v is not None)
                found.extend(places[p] for p in makers if p is not None and p in places)
                todo.extend(b for _, b in ir_subgraphs(inner))
            makers = (v.producer() for v in body.outputs)
            found.extend(places[p] for p in makers if p is not None and p in places)
        needs.append(found)
    order = _sequence(needs)
    return nodes if order is None else [nodes[place] for place in order]


def _sequence(needs: Sequence[Collection[int]]) -> list[int] | None:
    """An order in which every place comes after those that it needs, lower ones first; None where they do already.

    There must be no circles (sound.check).
    """
    if all(needed < place for place, found in enumerate(needs) for needed in found):
        return None
    waiting = [len(set(found)) for found in needs]
    readers: dict[int, list[int]] = {}
    for place, found in enumerate(needs):
        for needed in set(found):
            readers.setdefault(needed, []).append(place)
    ready = [place for place, count in enumerate(waiting) if not count]
    order: list[int] = []
    while ready:
        place = heapq.heappop(ready)
        order.append(place)
        for reader in readers.get(place, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, reader)
    return order
