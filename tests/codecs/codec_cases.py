"""Chains, element types and tensors that the contract suites iterate over: all of them made from the registry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fmpass.codecs import fields, native, registry
from fmpass.codecs.chain import Chain
from fmpass.codecs.stage import Coder, MapCoder, Stage
from fmpass.dtypes import DTYPES, DType
from fmpass.errors import UsageError

needs_library = pytest.mark.skipif(not native.available(), reason="the native library is not built")

thorough = settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""For suites that run once for each chain: the same examples every time, so that a failure is one of the code."""


def _values(p: fields.Parameter) -> list[fields.Value]:
    """The default's neighbours on both sides, and the ends of what is allowed."""
    if p.choices:
        return list(p.choices)
    if p.type == "bool":
        return [True, False]
    if p.type == "int|none":
        return [None, 0, -1]
    if p.type == "int":
        low, high = int(p.minimum or 0), int(p.maximum if p.maximum is not None else 9)
        return [low, low + 1, (low + high) // 2 | 1, high] if low > -9 and high < 1000 else [0, 3, 200]
    if p.type == "float":
        return [p.minimum or 0.0, 0.0625, 0.37, 1.0 if p.maximum is None else p.maximum]
    raise AssertionError(f"no test values for parameters of type {p.type}")


def variants(stage: type[Stage]) -> list[Stage]:
    """The stage at its defaults, with each of its parameters changed alone, and with all of them changed."""
    declared = fields.parameters(stage)
    choices = [{p.name: v} for p in declared for v in _values(p)]
    together = (
        [{p.name: _values(p)[i % len(_values(p))] for p in declared} for i in (1, 2)] if len(declared) > 1 else []
    )
    found: list[Stage] = [stage()]
    for chosen in choices + together:
        try:
            built = stage(**chosen)
        except UsageError:
            continue
        if built not in found:
            found.append(built)
    return found


def _stages(kind: str) -> list[type[Stage]]:
    return [s for s in registry.stages() if registry.kind(s) == kind]


CODERS: list[Stage] = [v for stage in _stages("coder") for v in variants(stage)]
FLAT_CODERS = [coder for coder in CODERS if isinstance(coder, Coder)]
MAP_CODERS = [coder for coder in CODERS if isinstance(coder, MapCoder)]
TRANSFORMS: list[Stage] = [v for stage in _stages("transform") for v in variants(stage)]
CHAINS: list[Chain] = [
    *(Chain((), coder) for coder in CODERS),
    *(Chain((transform,), coder) for transform in TRANSFORMS for coder in CODERS if str(Chain((), coder)) == "zvc"),
    *(
        Chain((stage(),), coder())
        for stage in _stages("transform")
        for coder in _stages("coder")
        if coder.name != "zvc"
    ),
    Chain.parse("quant{step=1.0,zero_point=3}|ebpc"),
    Chain.parse("quant{bits=16,step=1.0,zero_point=-3}|bpc"),
    Chain.parse("quant{step=0.05,zero_point=100,signed=false}|zrle"),
    Chain.parse("quant{bits=5,signed=false,dead_zone=0.25,axis=0}|raw"),
    Chain.parse("quant|quant{step=1.0}|zvc"),
]

SHAPES: tuple[tuple[int, ...], ...] = (
    (),
    (1,),
    (0,),
    (7,),
    (8,),
    (3, 0, 5),
    (5, 13),
    (2, 3, 5, 7),
    (64, 33),
    (1, 2, 1, 1, 3, 1, 1),
)


def usable(chain: Chain, rank: int | None = None) -> list[DType]:
    """The element types that the chain takes."""
    return [d for d in DTYPES if chain.rejects(d, rank) is None]


def array_of(bits: bytes, dtype: DType, shape: tuple[int, ...]) -> NDArray[np.generic]:
    """An array of exactly these bits, repeated as needed: NaN payloads and all."""
    nbytes = dtype.nbytes(math.prod(shape))
    whole = (bits * (nbytes // max(len(bits), 1) + 1))[:nbytes] if bits else bytes(nbytes)
    return dtype.from_words(np.frombuffer(whole, dtype.word_dtype).copy(), shape)


FILLS = ("zeros", "ones", "random", "sparse", "relu", "ramp", "steps", "constant", "special")


def filled(fill: str, dtype: DType, shape: tuple[int, ...], seed: int = 0) -> NDArray[np.generic]:
    """A tensor of a kind that some coder likes or hates; the same for the same seed."""
    rng, count = np.random.default_rng(seed), dtype.words(math.prod(shape))
    if dtype.kind == "float" and fill in ("relu", "ramp"):
        values = np.maximum(rng.standard_normal(count), 0) if fill == "relu" else np.arange(count) % 101 * 0.25 - 3
        return values.astype(np.float32).astype(dtype.numpy).reshape(shape)
    word = dtype.word_dtype
    limits = np.iinfo(word)
    noise = rng.integers(limits.min, limits.max, count, dtype=word, endpoint=True)
    if fill == "zeros":
        words = np.zeros(count, word)
    elif fill == "ones":
        words = np.full(count, -1 if limits.min < 0 else limits.max, word)
    elif fill == "sparse":
        words = np.where(rng.random(count) < 0.03, noise, 0).astype(word)
    elif fill == "relu":
        words = np.where(rng.random(count) < 0.6, 0, noise >> word.type(dtype.word_bits // 2)).astype(word)
    elif fill == "ramp":
        words = (np.arange(count) % 101).astype(word)
    elif fill == "steps":
        words = np.repeat(noise, 19)[:count]
    elif fill == "constant":
        words = np.full(count, noise[0] if count else 0, word)
    elif fill == "special":
        words = rng.choice(_special(dtype), count)
    else:
        words = noise
    return dtype.from_words(np.ascontiguousarray(words), shape)


def _special(dtype: DType) -> NDArray[np.generic]:
    """Bit patterns that arithmetic would not keep: −0.0, denormals, infinities, NaNs of both kinds, ends of range."""
    top, mask = 1 << (dtype.word_bits - 1), (1 << dtype.word_bits) - 1
    patterns = {0, top, 1, top | 1, top - 1, mask, mask - 1, top | top >> 1}
    if dtype.kind == "float" and dtype.bits >= 16:
        exponent = int(np.array(np.inf).astype(dtype.numpy).view(f"<u{dtype.bits // 8}"))
        patterns |= {
            exponent,
            exponent | top,
            exponent | 1,
            exponent | top | 5,
            exponent - 1,
            exponent + (exponent & -exponent) // 2,
        }
    return np.array(sorted(patterns), f"<u{dtype.word_bits // 8}").view(dtype.word_dtype)


@st.composite
def tensors(draw: st.DrawFn, dtypes: list[DType]) -> NDArray[np.generic]:
    """Tensors of one of `dtypes`: arbitrary bits in small ones, the fills of `filled` in larger ones."""
    dtype = draw(st.sampled_from(dtypes))
    if draw(st.booleans()):
        shape = tuple(draw(st.lists(st.integers(0, 6), max_size=4)))
        return array_of(draw(st.binary(max_size=64)), dtype, shape)
    shape = draw(st.sampled_from([(257,), (3, 100), (2, 5, 41), (1031,)]))
    return filled(draw(st.sampled_from(FILLS)), dtype, shape, draw(st.integers(0, 2**16)))


def same_bits(one: NDArray[np.generic], two: NDArray[np.generic], dtype: DType) -> bool:
    """Whether two arrays have one shape, one type and the same bits."""
    return (
        one.shape == two.shape
        and one.dtype == two.dtype == dtype.numpy
        and dtype.to_words(one).tobytes() == dtype.to_words(two).tobytes()
    )
