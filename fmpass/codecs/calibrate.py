"""Resident models of an edge from tensors that were seen on it, for chains whose coder has one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import grid
from fmpass.codecs.chain import Chain
from fmpass.codecs.stage import MapCoder, Words
from fmpass.dtypes import DType, of_array
from fmpass.errors import UsageError


def calibrate(chain: Chain, arrays: Sequence[NDArray[np.generic]]) -> bytes:
    """The model of the chain's coder for tensors like `arrays`, to be given as resident data; b"" where it has none.

    Raises UsageError FM006 where the arrays differ in type or channels, or the chain cannot take them.
    """
    if not arrays or not _has_model(chain):
        return b""
    assert isinstance(chain.coder, MapCoder)
    maps, dtype = _maps(chain, arrays)
    return chain.coder.calibrate(maps, dtype)


def calibrated(chain: Chain, arrays: Sequence[NDArray[np.generic]]) -> tuple[Chain, bytes]:
    """The chain with the best of its coder's variants for such tensors, and the model for it.

    A variant is judged by what a model of every other array takes for the rest.
    """
    if not arrays or not _has_model(chain):
        return chain, b""
    assert isinstance(chain.coder, MapCoder)
    chains = [replace(chain, coder=variant) for variant in chain.coder.variants(tuple(arrays[0].shape))]
    if len(chains) > 1:
        chain = min(chains, key=lambda variant: _price(variant, arrays))
    return chain, calibrate(chain, arrays)


def _has_model(chain: Chain) -> bool:
    return isinstance(chain.coder, MapCoder) and chain.coder.has_model


def _price(chain: Chain, arrays: Sequence[NDArray[np.generic]]) -> float:
    assert isinstance(chain.coder, MapCoder)
    try:
        maps, dtype = _maps(chain, arrays)
    except UsageError:
        return float("inf")
    return chain.coder.price(maps[1::2] or maps, dtype, chain.coder.calibrate(maps[::2], dtype))


def _maps(chain: Chain, arrays: Sequence[NDArray[np.generic]]) -> tuple[list[Words], DType]:
    """The words of arrays as the coder sees them, and their type."""
    assert isinstance(chain.coder, MapCoder)
    dtype, axis = of_array(arrays[0]), chain.coder.channel_axis()
    found: list[Words] = []
    for array in arrays:
        reason = chain.rejects(dtype, array.ndim) or ("arrays of several types" if of_array(array) != dtype else None)
        if reason:
            raise UsageError("FM006", where=f"chain {chain}", problem=reason, hint="see `fmpass codecs`")
        integers = array
        for transform in chain.transforms:
            integers, _ = transform.forward(integers)
        if array.size:
            words = chain.dtypes(dtype)[-1].to_words(integers)
            found.append(grid.view(words, tuple(array.shape), axis))
    if len({maps.shape[1] for maps in found}) > 1:
        problem = "arrays with different numbers of channels"
        raise UsageError("FM006", where=f"chain {chain}", problem=problem, hint="give tensors of one edge")
    return found, chain.dtypes(dtype)[-1]
