"""Which tensors a fusing runtime really writes to memory.

Kernels are taken to fuse as common runtimes and accelerators do it: a convolution or matrix product takes along the
bias, the normalisation, the residual addition and the activation behind it; an activation ends a region; a residual
addition without an activation behind it is a kernel of its own; between DequantizeLinear and QuantizeLinear everything
is the inside of an integer kernel. Reshapes are the same bytes; concatenation, pooling and resizing are not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fmpass.graph import composites, reasons
from fmpass.graph.ops import JOINS_OF_ONE

if TYPE_CHECKING:
    import onnx_ir as ir

    from fmpass.graph.composites import Composite
    from fmpass.graph.flow import Flow, Readers

STORED = ""
"""The verdict on a tensor that is written to memory; any other verdict is the reason why it is not."""

SOFTMAX = "softmax"

_ACCUMULATORS = frozenset({"MatMulInteger", "ConvInteger"})

_BY_ROLE = {
    "alias": reasons.ALIAS,
    "move": reasons.MOVED,
    "index": reasons.INDEX,
    "control": reasons.OF_A_BODY,
    "reduce": reasons.REDUCED,
    "dequantise": reasons.DEQUANTISED,
}


class Verdicts:
    """Verdicts on the values of one graph scope: STORED, or the reason why a value is not written to memory."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._root: dict[ir.Node, Composite] = {}
        self._member: dict[ir.Node, Composite] = {}
        for composite in composites.find(flow):
            self._root[composite.root] = composite
            for node in composite.members:
                self._member[node] = composite
        self._quantised: dict[ir.Node, bool] = {}
        self._activated: dict[ir.Node, bool] = {}
        self._softmaxed: dict[ir.Node, bool] = {}
        self._verdicts: dict[ir.Value, str] = {}
        for node in reversed(flow.nodes):  # readers first: their answers are needed
            self._look_ahead(node)
        self._scores = self._attention_scores()
        for node in flow.nodes:
            for value in node.outputs:
                self._verdicts[value] = self._verdict(node, value)

    def __getitem__(self, value: ir.Value) -> str:
        return self._verdicts[value]

    def _look_ahead(self, node: ir.Node) -> None:
        """What happens to the result of `node` further on; answers of its readers are known already."""
        flow = self._flow
        readers = [flow.readers(value) for value in node.outputs if value.name]
        read = [r for r in readers if r.nodes or r.escapes]
        self._quantised[node] = bool(read) and all(
            not r.escapes and all(self._leads_to_quantise(n) for n in r.nodes) for r in read
        )
        first = readers[0] if readers else None
        self._activated[node] = first is not None and self._meets_activation(first)
        self._softmaxed[node] = first is not None and self._meets_softmax(first)

    def _leads_to_quantise(self, reader: ir.Node) -> bool:
        role = self._flow.roles[reader]
        if role == "quantise":
            return True
        passes = role in ("pointwise", "activation", "scale", "normalise", "softmax", "reduce", "move")
        return passes and self._quantised.get(reader, False)

    def _entered(self, readers: Readers) -> Composite | None:
        """The composite that reads a value as its entry and is its only reader."""
        if readers.escapes or not readers.nodes:
            return None
        composite = self._member.get(next(iter(readers.nodes)))
        if composite is not None and all(self._member.get(n) is composite for n in readers.nodes):
            return composite
        return None

    def _meets_activation(self, readers: Readers) -> bool:
        composite = self._entered(readers)
        if composite is not None:
            return composite.kind == "activation"
        reader = readers.sole()
        if reader is None or reader in self._member:
            return False
        role = self._flow.roles[reader]
        return role == "activation" or (role in ("pointwise", "scale") and self._activated.get(reader, False))

    def _meets_softmax(self, readers: Readers) -> bool:
        composite = self._entered(readers)
        if composite is not None:
            return _names(composite) == SOFTMAX
        reader = readers.sole()
        if reader is None or reader in self._member:
            return False
        role = self._flow.roles[reader]
        return role == "softmax" or (role == "pointwise" and self._softmaxed.get(reader, False))

    def _attention_scores(self) -> frozenset[ir.Node]:
        """Products of two activations and what is done to them elementwise: scores, where a softmax follows."""
        found: set[ir.Node] = set()
        for node in self._flow.nodes:
            operands = self._flow.operands(node)
            product = node.op_type == "MatMul" and len(operands) == 2
            if product or (self._flow.roles[node] == "pointwise" and any(v.producer() in found for v in operands)):
                found.add(node)
        return frozenset(found)

    def _verdict(self, node: ir.Node, value: ir.Value) -> str:
        flow = self._flow
        role = flow.roles[node]
        if value in flow.constants:
            return reasons.CONSTANT
        if role in _BY_ROLE:
            return _BY_ROLE[role]
        if role == "quantise":
            origin = flow.source(node.inputs[0]) if node.inputs and node.inputs[0] is not None else None
            if origin is not None and origin.is_graph_input():
                return reasons.QUANTISED_INPUT
            return STORED if value is node.outputs[0] else reasons.SCALE
        if role == "integer":
            return STORED
        if self._quantised[node]:
            return reasons.QUANTISED_NEXT
        if self._accumulates(node) and self._scaled(flow.readers(value)):
            return reasons.SCALED_NEXT
        composite = self._member.get(node)
        if composite is not None and node is not composite.root:
            return reasons.IN_COMPOSITE.format(_names(composite))
        return self._absorbed(node, flow.readers(value))

    def _absorbed(self, node: ir.Node, readers: Readers) -> str:
        """Why the kernel that reads the result of `node` computes it too, or STORED."""
        entered = self._entered(readers)
        composite = self._root.get(node)
        role = self._flow.roles[node]
        ends = (
            role == "activation" or composite is not None
        )  # nothing but a constant factor is taken along behind these
        if entered is not None and entered.kind == "activation" and not ends:
            return reasons.FUSED.format(_names(entered))
        if node in self._scores and not ends and self._softmaxed[node]:
            return reasons.SCORES
        reader = readers.sole()
        if reader is None or reader in self._member:
            return STORED
        follows = reasons.FUSED.format(reader.op_type)
        next_role = self._flow.roles[reader]
        if role in ("activation", "softmax") or (composite is not None and _names(composite) == SOFTMAX):
            return STORED
        if next_role == "activation" and composite is None:
            return follows
        if next_role == "scale" and composite is None:
            return follows
        if next_role == "pointwise":
            if self._single(reader):
                return follows
            if not ends and (self._activated[reader] or self._is_light(node)):
                return follows
        return STORED

    def _accumulates(self, node: ir.Node) -> bool:
        """True for the integer sums of dynamic quantisation and their conversion to floats."""
        if node.op_type == "Cast" and not node.domain:
            producers = [v.producer() for v in self._flow.operands(node)]
            return any(p is not None and p.op_type in _ACCUMULATORS for p in producers)
        return node.op_type in _ACCUMULATORS and not node.domain

    def _scaled(self, readers: Readers) -> bool:
        reader = readers.sole()
        return reader is not None and reader.op_type in ("Cast", "Mul") and not reader.domain

    def _single(self, node: ir.Node) -> bool:
        """True for elementwise work on one tensor: a bias, a factor, a square, a root, a cast."""
        operands = self._flow.operands(node)
        return len(operands) == 1 and (
            len([v for v in node.inputs if v is not None]) < 3
            or node.op_type in JOINS_OF_ONE
            or node.op_type == "Where"
        )

    def _is_light(self, node: ir.Node) -> bool:
        """True for elementwise work other than an addition that takes no heavy kernel along."""
        if self._flow.roles[node] != "pointwise" or node.op_type in ("Add", "Sum"):
            return False
        producers = [v.producer() for v in self._flow.operands(node)]
        return not any(p is not None and self._verdicts.get(p.outputs[0], STORED) != STORED for p in producers)


def _names(composite: Composite) -> str:
    """What people call a composite."""
    if composite.kind == "gate":
        return "a squeeze-and-excite gate"
    names = {node.op_type for node in composite.members}
    if composite.kind == "normalisation":
        return SOFTMAX if "Exp" in names else "a normalisation"
    if "Erf" in names or ("Tanh" in names and "Softplus" not in names):
        return "GELU"
    if "Sigmoid" in names:
        return "SiLU"
    if names & {"HardSigmoid", "Clip"}:
        return "hard-swish"
    return "an activation"
