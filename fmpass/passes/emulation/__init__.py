"""Stages in standard ONNX operators: the same numerics as their native kernels, for runtimes without the library.

A stage's emulation is `emulate` in the module of its name in `stages`, kept apart from the stage because codecs know no
onnx. Another package registers its own with `register`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fmpass.errors import UnsupportedModel

if TYPE_CHECKING:
    from fmpass.codecs.chain import Chain
    from fmpass.codecs.stage import Transform
    from fmpass.dtypes import DType
    from fmpass.passes.emulation.builder import Builder, Tensor

    Words = Callable[[Tensor], Tensor]
    """What happens to the integers of a stage before they come back: the lossy stages behind it."""

    Emulation = Callable[[Builder, Any, Tensor, Words | None], Tensor]
    """`emulate(graph, stage, x, words)` adds operators to `graph` and gives what the stage restores from `x`.

    The result has the type of `x`. `words` is None where nothing happens to the integers.
    """

_BUILT_IN = f"{__name__}.stages"
_registered: dict[str, Emulation] = {}


def register(stage: str, emulation: Emulation) -> None:
    """Emulate stages of this name by `emulation`; the last one registered counts."""
    _registered[stage] = emulation


def emulated(graph: Builder, chain: Chain, x: Tensor) -> Tensor:
    """What the pair restores from `x`: `x` itself where the chain is lossless.

    Coders lose nothing, so only lossy transforms leave operators behind. Raises UnsupportedModel FM204 for a stage that
    nobody emulates, FM205 where the model's opset or an unknown rank stands against it.
    """
    return _through(graph, chain.transforms, x)


def _through(graph: Builder, transforms: Sequence[Transform], x: Tensor) -> Tensor:
    if _lossless(transforms, x.dtype):
        return x
    first, rest = transforms[0], transforms[1:]

    def words(integers: Tensor) -> Tensor:
        return _through(graph, rest, integers)

    nothing = _lossless(rest, first.output_dtype(x.dtype))
    return _emulation(first, graph.where)(graph, first, x, None if nothing else words)


def _lossless(transforms: Sequence[Transform], dtype: DType) -> bool:
    for transform in transforms:
        if not transform.lossless(dtype):
            return False
        dtype = transform.output_dtype(dtype)
    return True


def _emulation(stage: Transform, where: str) -> Emulation:
    if stage.name in _registered:
        return _registered[stage.name]
    if find_spec(f"{_BUILT_IN}.{stage.name}") is not None:
        return import_module(f"{_BUILT_IN}.{stage.name}").emulate
    raise UnsupportedModel(
        "FM204",
        where=where,
        problem=f"stage {stage.name!r} is lossy and has no form in standard operators",
        hint="choose another chain, or write pairs and run the model with the library",
    )
