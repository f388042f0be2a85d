"""`quant` in standard operators: FORMAT.md of the stage, line by line, in double.

Every operation is one operator, so every operation is rounded on its own, as in the native kernel. Quantised values
pass through int32 once: that takes the sign off a zero, as the integers of the payload do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmpass.dtypes import DType, by_name
from fmpass.errors import UnsupportedModel
from fmpass.passes.emulation.builder import FLOAT64, INT32, Builder, Tensor

if TYPE_CHECKING:
    from fmpass.codecs.transforms.quant import Quant
    from fmpass.passes.emulation import Words

_LEAST_STEP = 2.0**-1000
_LARGEST = {
    "float16": 65504.0,
    "bfloat16": math.ldexp(255.0, 120),
    "float32": float(np.finfo(np.float32).max),
    "float64": float(np.finfo(np.float64).max),
}


@dataclass(frozen=True, slots=True)
class _Levels:
    """Step, zero point and the lowest and highest level, broadcasting against the tensor."""

    step: Tensor
    zero_point: Tensor
    low: Tensor
    high: Tensor


def emulate(graph: Builder, quant: Quant, x: Tensor, words: Words | None) -> Tensor:
    """What `quant` restores from `x`; `words` are the lossy stages behind it."""
    if quant.exact(x.dtype):
        return _shifted(graph, quant, x, words)
    origin = graph.constant(0 if x.dtype.kind == "float" else quant.zero_point)
    u = graph.cast(x, FLOAT64)
    if x.dtype.kind == "float":
        u = graph.where_true(graph.is_nan(u), graph.constant(0), u)
    elif quant.zero_point:
        u = graph.sub(u, origin)
    levels = _from_data(graph, quant, x, u) if quant.step == 0.0 else _given(graph, quant, x)
    rounding = graph.constant(0.5 - quant.dead_zone)
    size = graph.floor(graph.add(graph.div(graph.abs(u), levels.step), rounding))
    level = graph.cast(graph.clip(graph.mul(graph.sign(u), size), levels.low, levels.high), INT32)
    level = graph.cast(level, FLOAT64)
    if words is not None:
        level = _through_words(graph, quant, level, levels, words, quant.output_dtype(x.dtype))
    y = graph.mul(level, levels.step)
    if x.dtype.kind != "float":
        away = graph.mul(graph.sign(y), graph.floor(graph.add(graph.abs(y), graph.constant(0.5))))
        limits = np.iinfo(x.dtype.name)
        shifted = graph.add(away, origin) if quant.zero_point else away
        return graph.cast(graph.clip(shifted, graph.constant(limits.min), graph.constant(limits.max)), x.dtype)
    largest = _LARGEST[x.dtype.name]
    y = graph.clip(y, graph.constant(-largest), graph.constant(largest))
    if x.dtype is not FLOAT64:
        y = graph.cast(y, by_name("float32"))
    return graph.cast(y, x.dtype)


def _shifted(graph: Builder, quant: Quant, x: Tensor, words: Words | None) -> Tensor:
    """Integers of full width: the zero point is taken off and put on again, modulo the width."""
    assert words is not None  # without, the stage is lossless and nothing has to be emulated
    origin = graph.constant(quant.zero_point)
    integers = quant.output_dtype(x.dtype)
    level = _wrapped(graph, graph.sub(graph.cast(x, FLOAT64), origin), integers)
    back = graph.add(graph.cast(words(graph.cast(level, integers)), FLOAT64), origin)
    return graph.cast(_wrapped(graph, back, x.dtype), x.dtype)


def _through_words(
    graph: Builder, quant: Quant, level: Tensor, levels: _Levels, words: Words, integers: DType
) -> Tensor:
    """Levels as words of the payload, through the stages behind, and back."""
    restored = graph.cast(words(graph.cast(_wrapped(graph, level, integers), integers)), FLOAT64)
    if quant.signed:
        return restored
    return graph.sub(_wrapped(graph, graph.add(restored, levels.zero_point), integers), levels.zero_point)


def _wrapped(graph: Builder, x: Tensor, integers: DType) -> Tensor:
    """Whole numbers modulo the width of `integers`, in its range. Exact: the modulus is a power of two."""
    modulus = graph.constant(2.0**integers.bits)
    half = graph.constant(2.0 ** (integers.bits - 1) if integers.kind == "int" else 0.0)
    turns = graph.floor(graph.div(graph.add(x, half), modulus))
    return graph.sub(x, graph.mul(turns, modulus))


def _given(graph: Builder, quant: Quant, x: Tensor) -> _Levels:
    if 2.0**17 / quant.step > 2.0**1000:
        graph.needs(8, "quotients beyond the range of doubles")
    zero_point = quant.zero_point if x.dtype.kind == "float" and not quant.signed else 0
    top = (1 << quant.bits) - 1 - zero_point
    low, high = (-_most(quant), _most(quant)) if quant.signed else (-zero_point, top)
    return _Levels(*(graph.constant(value) for value in (quant.step, zero_point, low, high)))


def _from_data(graph: Builder, quant: Quant, x: Tensor, u: Tensor) -> _Levels:
    """Steps that just cover the finite values, and always zero; one, or one for each index of the channel axis."""
    finite, zero = u, graph.constant(0)
    if x.dtype.kind == "float":
        is_finite = graph.less(graph.abs(u), graph.constant(math.inf))
        finite = graph.where_true(is_finite, u, zero)
    rows = graph.with_zero(_rows(graph, quant.axis, finite))
    if quant.signed:
        most = graph.constant(_most(quant))
        step = _not_tiny(graph, graph.div(graph.reduce_rows("ReduceMax", graph.abs(rows)), most))
        return _Levels(_laid_out(graph, quant.axis, x, step), zero, graph.constant(-_most(quant)), most)
    low, high = graph.reduce_rows("ReduceMin", rows), graph.reduce_rows("ReduceMax", rows)
    top = (1 << quant.bits) - 1
    count = graph.constant(top - 1)
    step = graph.div(graph.sub(high, low), count)
    if x.dtype is FLOAT64:  # no other type reaches a difference that is too large for a double
        fits = graph.less(step, graph.constant(math.inf))
        step = graph.where_true(fits, step, graph.sub(graph.div(high, count), graph.div(low, count)))
    step = _not_tiny(graph, step)
    place = graph.floor(graph.add(graph.div(graph.neg(low), step), graph.constant(0.5)))
    zero_point = _laid_out(graph, quant.axis, x, graph.clip(place, zero, graph.constant(top)))
    lowest = graph.neg(zero_point)
    return _Levels(_laid_out(graph, quant.axis, x, step), zero_point, lowest, graph.add(lowest, graph.constant(top)))


def _most(quant: Quant) -> int:
    """The highest of the signed levels."""
    return (1 << (quant.bits - 1)) - 1


def _not_tiny(graph: Builder, step: Tensor) -> Tensor:
    """1 in place of a step so small that quotients would overflow: below the last digit of the 1 it is added to."""
    return graph.add(step, graph.is_less(step, graph.constant(_LEAST_STEP)))


def _rows(graph: Builder, axis: int | None, x: Tensor) -> Tensor:
    """A matrix with one row for each entry of side data."""
    if axis is None:
        return graph.reshape(x, [1, -1])
    rank = _rank(graph, x)
    first = axis % rank
    order = [first, *(i for i in range(rank) if i != first)]
    return graph.flatten(graph.transpose(x, order))


def _laid_out(graph: Builder, axis: int | None, x: Tensor, entries: Tensor) -> Tensor:
    """A vector of entries so that it broadcasts against the tensor."""
    if axis is None:
        return graph.reshape(entries, [])
    rank = _rank(graph, x)
    return graph.reshape(entries, [-1 if i == axis % rank else 1 for i in range(rank)])


def _rank(graph: Builder, x: Tensor) -> int:
    if x.rank is None:
        raise UnsupportedModel(
            "FM205",
            where=graph.where,
            problem="steps per channel need the rank of the tensor, which is unknown",
            hint="give the tensor a shape (onnx.shape_inference), or leave `axis` away",
        )
    return x.rank
