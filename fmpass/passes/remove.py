"""Take the pairs out again: the exact inverse of insert.py."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from fmpass.errors import UnsupportedModel
from fmpass.graph.ops import tells_type
from fmpass.graph.schema import COMPRESS, DECOMPRESS, DOMAIN, FORM, PORTABLE
from fmpass.graph.walk import all_graphs


@dataclass(frozen=True)
class RemovePairs(ir.passes.InPlacePass):
    """Give every reader of a restored tensor the original again and drop the nodes and functions of our domain."""

    def requires(self, model: ir.Model) -> None:
        """Every FmDecompress restores what an FmCompress of the model was given. Raises UnsupportedModel FM202.

        One that gives a graph output must restore what another node computed under a name of our own.
        """
        for graph in all_graphs(model):
            for node in graph:
                if node.domain == DOMAIN and (problem := _misused(node)):
                    raise _edited(node, problem)
                if node.domain == DOMAIN and node.op_type == DECOMPRESS:
                    origin = _original(node)
                    if origin is None:
                        raise _edited(node, "the payload that it decodes is not made by a FmCompress of this model")
                    named = origin.is_graph_output() or origin.producer() is None
                    if named and node.outputs[0].is_graph_output():
                        raise _edited(node, "what it restores has a name of the model's signature already")

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Remove all pairs."""
        changed = drop_casts(model)
        found: list[ir.Node] = [n for graph in all_graphs(model) for n in graph if n.domain == DOMAIN]
        for node in found:
            for output in node.outputs:
                origin = _original(node)
                if origin is not None and not (node.op_type == COMPRESS and output is node.outputs[0]):
                    takes_name_back = output.is_graph_output() and not origin.is_graph_output()
                    output.replace_all_uses_with(origin, replace_graph_outputs=True)
                    if takes_name_back:
                        origin.name, output.name = output.name, None
        for node in sorted(found, key=lambda n: n.op_type == COMPRESS):  # readers of payloads first
            assert node.graph is not None
            node.graph.remove(node, safe=True)
        functions = [key for key in model.functions if key[0] == DOMAIN]
        for key in functions:
            del model.functions[key]
        if found or functions:
            for imports in (model.graph.opset_imports, *(f.opset_imports for f in model.functions.values())):
                imports.pop(DOMAIN, None)
            if model.metadata_props.get(FORM) == PORTABLE:
                del model.metadata_props[FORM]
        return ir.passes.PassResult(model, bool(changed or found or functions))


def count(model: ir.Model) -> int:
    """Pairs in a model: its FmDecompress nodes."""
    return sum(n.domain == DOMAIN and n.op_type == DECOMPRESS for graph in all_graphs(model) for n in graph)


def drop_casts(model: ir.Model) -> bool:
    """Take out what tells the types of restored values in functions; True where there was anything."""
    found = [n for f in model.functions.values() for n in f.all_nodes() if tells_type(n)]
    for node in found:
        assert node.graph is not None and node.inputs[0] is not None
        node.outputs[0].replace_all_uses_with(node.inputs[0], replace_graph_outputs=True)
        node.graph.remove(node, safe=True)
    return bool(found)


def _misused(node: ir.Node) -> str:
    """Why a node of our domain cannot be taken out, or ""."""
    if node.op_type not in (COMPRESS, DECOMPRESS):
        return f"this release knows no operator {node.op_type} of {DOMAIN}"
    if not node.inputs or node.inputs[0] is None or not node.outputs:
        return "it has no input or no output"
    payload = node.outputs[0]
    others = any((user.domain, user.op_type) != (DOMAIN, DECOMPRESS) for user, _ in payload.uses())
    if node.op_type == COMPRESS and (others or payload.is_graph_output()):
        return "its payload goes elsewhere than to a FmDecompress"
    return ""


def _edited(node: ir.Node, problem: str) -> UnsupportedModel:
    return UnsupportedModel(
        "FM202", where=f"node {node.name!r}", problem=problem, hint="pairs that were edited by hand cannot be removed"
    )


def _original(node: ir.Node) -> ir.Value | None:
    """The tensor that a pair was put around, from either of its nodes."""
    if node.op_type == COMPRESS:
        return node.inputs[0]
    payload = node.inputs[0] if node.inputs else None
    maker = payload.producer() if payload is not None else None
    if maker is None or maker.domain != DOMAIN or maker.op_type != COMPRESS:
        return None
    return maker.inputs[0]
