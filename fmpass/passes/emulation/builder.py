"""Standard operators, one after another, in the forms that the model's own opset has.

Constants are Constant nodes, so that what is built fits a graph, a body and a function alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from fmpass.dtypes import DType, by_name
from fmpass.errors import UnsupportedModel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

OLDEST_OPSET = 7
"""Before it, Add, Mul and their like do not broadcast as they do now."""

FLOAT64 = by_name("float64")
INT32 = by_name("int32")
INT64 = by_name("int64")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value under construction. `rank` is None where unknown."""

    value: ir.Value
    dtype: DType
    rank: int | None


@dataclass
class Builder:
    """Collects nodes. `where` names the edge in errors, `name` gives every node and value a free name.

    Methods without a comment are the operator of their name. Raises UnsupportedModel FM205 where the opset has not
    got what is needed.
    """

    opset: int
    where: str
    name: Callable[[str], str]
    notes: dict[str, str]
    nodes: list[ir.Node] = field(default_factory=list[ir.Node])
    _constants: dict[tuple[str, bytes, tuple[int, ...]], Tensor] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.needs(OLDEST_OPSET, "operators that broadcast")

    def needs(self, opset: int, what: str) -> None:
        """Refuse a model whose opset is older than `opset`."""
        if self.opset < opset:
            raise UnsupportedModel(
                "FM205",
                where=self.where,
                problem=f"standard operators of opset {self.opset} cannot emulate its chain: {what} need opset {opset}",
                hint="convert the model with onnx.version_converter, or choose a lossless chain",
            )

    def constant(self, values: ArrayLike, dtype: DType = FLOAT64) -> Tensor:
        """A constant of the file; equal ones are one. Before opset 9 there are none but floats, and casts of them."""
        array: NDArray[Any] = np.asarray(values, dtype.numpy)
        key = (dtype.name, array.tobytes(), array.shape)
        if key not in self._constants and self.opset < 9 and dtype.kind != "float":
            self._constants[key] = self.cast(self.constant(values), dtype)
        if key not in self._constants:
            attribute = ir.AttrTensor("value", ir.Tensor(array, name=None))
            self._constants[key] = self._add("Constant", (), dtype, array.ndim, [attribute])
        return self._constants[key]

    def cast(self, x: Tensor, dtype: DType) -> Tensor:
        """`x` in another type; `x` itself where it has it."""
        if x.dtype is dtype:
            return x
        if "bfloat16" in (x.dtype.name, dtype.name):
            self.needs(13, "casts of bfloat16")
        return self._add("Cast", (x,), dtype, x.rank, [ir.AttrInt64("to", dtype.onnx)])

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        return self._binary("Add", a, b)

    def sub(self, a: Tensor, b: Tensor) -> Tensor:
        return self._binary("Sub", a, b)

    def mul(self, a: Tensor, b: Tensor) -> Tensor:
        return self._binary("Mul", a, b)

    def div(self, a: Tensor, b: Tensor) -> Tensor:
        return self._binary("Div", a, b)

    def neg(self, x: Tensor) -> Tensor:
        return self._unary("Neg", x)

    def abs(self, x: Tensor) -> Tensor:
        return self._unary("Abs", x)

    def floor(self, x: Tensor) -> Tensor:
        return self._unary("Floor", x)

    def sign(self, x: Tensor) -> Tensor:
        """−1, 0 or 1, in the type of `x`."""
        if self.opset >= 9:
            return self._unary("Sign", x)
        zero = self.constant(0, x.dtype)
        return self.sub(self.is_less(zero, x), self.is_less(x, zero))

    def is_less(self, a: Tensor, b: Tensor) -> Tensor:
        """1 where a < b, else 0, in the type of `a`."""
        return self.cast(self.less(a, b), a.dtype)

    def less(self, a: Tensor, b: Tensor) -> Tensor:
        return self._binary("Less", a, b, by_name("bool"))

    def where_true(self, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """`Where`."""
        self.needs(9, "NaN and infinities that become numbers")
        return self._add("Where", (condition, a, b), a.dtype, _rank(condition, a, b))

    def is_nan(self, x: Tensor) -> Tensor:
        self.needs(9, "NaN and infinities that become numbers")
        return self._add("IsNaN", (x,), by_name("bool"), x.rank)

    def clip(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """`x` within low … high, which broadcast. `x` is finite where the opset is older than 8."""
        if self.opset >= 8:
            return self._binary("Min", self._binary("Max", x, low), high)
        below, above = self.is_less(x, low), self.is_less(high, x)
        inside = self.sub(self.sub(self.constant(1, x.dtype), below), above)
        return self.add(self.mul(x, inside), self.add(self.mul(below, low), self.mul(above, high)))

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        return self._add("Reshape", (x, self.constant(shape, INT64)), x.dtype, len(shape))

    def transpose(self, x: Tensor, order: Sequence[int]) -> Tensor:
        return self._add("Transpose", (x,), x.dtype, x.rank, [ir.AttrInt64s("perm", list(order))])

    def flatten(self, x: Tensor) -> Tensor:
        """Rows by the first axis, all others in one."""
        return self._add("Flatten", (x,), x.dtype, 2, [ir.AttrInt64("axis", 1)])

    def with_zero(self, x: Tensor) -> Tensor:
        """A matrix with one more column of zeros."""
        pads = [0, 0, 0, 1]
        if self.opset >= 11:
            return self._add("Pad", (x, self.constant(pads, INT64)), x.dtype, 2)
        return self._add("Pad", (x,), x.dtype, 2, [ir.AttrInt64s("pads", pads)])

    def reduce_rows(self, op_type: str, x: Tensor) -> Tensor:
        """`ReduceMin` or `ReduceMax` of each row of a matrix, as a vector."""
        keep = ir.AttrInt64("keepdims", 0)
        if self.opset >= 18:
            return self._add(op_type, (x, self.constant([1], INT64)), x.dtype, 1, [keep])
        return self._add(op_type, (x,), x.dtype, 1, [ir.AttrInt64s("axes", [1]), keep])

    def _unary(self, op_type: str, x: Tensor) -> Tensor:
        return self._add(op_type, (x,), x.dtype, x.rank)

    def _binary(self, op_type: str, a: Tensor, b: Tensor, dtype: DType | None = None) -> Tensor:
        return self._add(op_type, (a, b), dtype or a.dtype, _rank(a, b))

    def _add(
        self, op_type: str, inputs: Sequence[Tensor], dtype: DType, rank: int | None, attributes: Sequence[Any] = ()
    ) -> Tensor:
        out = ir.Value(name=self.name(f"fm_{op_type.lower()}"))
        values = [tensor.value for tensor in inputs]
        name, notes = self.name(f"FmEmulate_{op_type}"), dict(self.notes)
        self.nodes.append(ir.Node("", op_type, values, attributes, outputs=[out], name=name, metadata_props=notes))
        return Tensor(out, dtype, rank)


def _rank(*tensors: Tensor) -> int | None:
    ranks = [tensor.rank for tensor in tensors]
    known = [rank for rank in ranks if rank is not None]
    return max(known) if len(known) == len(ranks) else None
