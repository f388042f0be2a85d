"""Reference of crans: one tile, byte plane by byte plane, group by group, in one stream of 16-bit words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans import layout, tables
from fmpass.codecs.coders.crans.contexts import Lanes, told
from fmpass.codecs.coders.crans.layout import Strip
from fmpass.codecs.coders.crans.model import CONTEXTS, SUBTRACT, Model
from fmpass.codecs.coders.crans.stepwise import decode_strip
from fmpass.codecs.coders.crans.stream import LOWEST, Stream, state_count
from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.stage import Tile, Words
from fmpass.dtypes import DType

_FEW_WORDS, _MANY_WORDS = 1 << 14, 1 << 16

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Opened:
    """A model with the frequencies of its tables, for each plane (tables, 257)."""

    model: Model
    frequencies: tuple[NDArray[np.int64], ...]


def state_vectors(words: int) -> int:
    """How many times 16 states a tile of so many words has at most."""
    return 1 if words < _FEW_WORDS else 2 if words < _MANY_WORDS else 4


def lanes_of(model: Model, tile: Tile, strip: Strip, values: Bytes) -> tuple[Lanes, NDArray[np.int64] | None]:
    """A group as `told` takes it, and the indices of its lanes in the model."""
    index = layout.lane_indices(model, tile)
    if index is None:
        none = np.zeros((strip.count, 0), np.int64)
        return Lanes(values, strip.active, strip.pitch, none, none), None
    index = index[strip.first : strip.first + strip.count]
    references = model.references[index].astype(np.int64)
    return Lanes(values, strip.active, strip.pitch, references & 63, 2 * (1 + (references >> 6))), index


def encode(words: Words, tile: Tile, dtype: DType, opened: Opened) -> bytes | None:
    """The code of a tile, None where a byte has neither a frequency nor an escape, or the tile fits no groups."""
    model = opened.model
    if not layout.fits(model, tile):
        return None
    order = layout.order_of(model, tile)
    split = [layout.split(bytes_[order], model.phases) for bytes_ in layout.planes(words, dtype)]
    parts: list[tuple[int, NDArray[np.int64], Bytes, NDArray[np.bool_]]] = []
    for strip in layout.strips(model, tile, split[0][1]):
        quiet = np.ones(strip.active.shape, np.bool_)
        for number, plane in enumerate(model.planes):
            values = strip.lay(split[number][0], plane.zero)
            group, index = lanes_of(model, tile, strip, values)
            known = told(group, plane, index)
            context = known.context.astype(np.int64) + (CONTEXTS * quiet if number else 0)
            meaning = plane.contexts[context].astype(np.int64)
            symbol = (values - np.where(meaning & SUBTRACT, known.prediction, 0)).astype(np.uint8)
            parts.append((number, meaning & 63, symbol, strip.active))
            quiet &= values == plane.zero
    vectors = state_vectors(words.size)
    states = [LOWEST] * state_count(vectors, tile.shape[0] * model.phases**2)
    out: list[int] = []  # backwards
    for number, table, symbol, active in reversed(parts):
        if not _encode_strip(opened.frequencies[number], table, symbol, active, vectors, states, out):
            return None
    return bytes([vectors]) + np.array(states, "<u4").tobytes() + np.array(out[::-1], "<u2").tobytes()


def _encode_strip(
    frequencies: NDArray[np.int64],
    table: NDArray[np.int64],
    symbol: Bytes,
    active: NDArray[np.bool_],
    vectors: int,
    states: list[int],
    out: list[int],
) -> bool:
    """Backwards: what comes out of the decoder last goes in first."""
    starts = np.cumsum(frequencies, axis=1) - frequencies
    escaped = frequencies[table, symbol] == 0
    coded = np.where(escaped, tables.ESCAPE, symbol.astype(np.int64))
    frequency, start = frequencies[table, coded].tolist(), starts[table, coded].tolist()
    escapes, actives, raw = escaped.tolist(), active.tolist(), symbol.tolist()
    width, size = symbol.shape[1], 16 * vectors
    for step in range(len(symbol) - 1, -1, -1):
        f_row, s_row, e_row, a_row, r_row = frequency[step], start[step], escapes[step], actives[step], raw[step]
        for first in range((width - 1) // size * size, -1, -size):
            inside = [lane for lane in range(min(first + size, width) - 1, first - 1, -1) if a_row[lane]]
            for lane in inside:
                if e_row[lane]:
                    at = lane % size
                    state = states[at]
                    if state >= 1 << 24:
                        out.append(state & 0xFFFF)
                        state >>= 16
                    states[at] = state << 8 | r_row[lane]
            for lane in inside:
                at, f = lane % size, f_row[lane]
                if f == 0:
                    return False
                state = states[at]
                if state >= f << 21:
                    out.append(state & 0xFFFF)
                    state >>= 16
                states[at] = (state // f << tables.PRECISION) + state % f + s_row[lane]
    return True


def decode(data: bytes, tile: Tile, dtype: DType, opened: Opened) -> Words:
    """The words of a tile. Raises PayloadError FM308 unless `data` is exactly its code."""
    model = opened.model
    if not layout.fits(model, tile):
        raise corrupt("a tile does not fit to the groups of the model")
    stream = Stream(data, tile.shape[0] * model.phases**2)
    blank, sizes = layout.split(np.zeros(tile.shape, np.uint8), model.phases)
    lanes = [blank.copy() for _ in model.planes]
    for strip in layout.strips(model, tile, sizes):
        quiet = np.ones(strip.active.shape, np.bool_)
        for number, plane in enumerate(model.planes):
            nothing = np.full(strip.active.shape, plane.zero, np.uint8)
            group, index = lanes_of(model, tile, strip, nothing)
            above = quiet if number else None
            values = decode_strip(stream, group, plane, index, opened.frequencies[number], above)
            strip.take(values, lanes[number])
            quiet &= values == plane.zero
    stream.close()
    found = np.zeros((len(model.planes), *tile.shape), np.uint8)
    found[:, layout.order_of(model, tile)] = [layout.join(part, tile.shape, model.phases) for part in lanes]
    return layout.words(found, dtype)
