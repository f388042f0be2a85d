"""Reference of `rice`: contexts from neighbours, a Golomb-Rice code for each, runs of zeros."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import bits, neighbours, tile_walk, zero_runs
from fmpass.codecs.coders.rice import parameters
from fmpass.codecs.coders.rice.parameters import UNARY_LIMIT, Parameters
from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.neighbours import ENDING, THRESHOLDS, TOUCHING, Scan
from fmpass.codecs.stage import Tile, Words
from fmpass.dtypes import DType

_U64 = np.uint64


def least_nbytes(tile: Tile, dtype: DType) -> int:
    """Bytes of the shortest code of a tile: a head without predictions, and a bit for 128 words of every row."""
    channels, rows, columns = tile.shape
    streams = tile_walk.streams_of(channels)
    head = parameters.head_bits(len(THRESHOLDS) - 1, dtype) + (parameters.SIZE_BITS if streams > 1 else 0)
    row_bits = rows * -(-columns // (1 << zero_runs.LONGEST))
    each = (-(-(len(range(s, channels, streams)) * row_bits) // 8) for s in range(streams))
    return -(-head // 8) + sum(each)


def encode(words: Words, dtype: DType) -> bytes:
    """The code of a tile of (channels, rows, columns)."""
    x, zero = neighbours.ordinals(words, dtype), neighbours.zero_of(dtype)
    r = neighbours.range_of(x, zero)
    scan, zeros = neighbours.scan(x, r), x == x.dtype.type(zero)
    runs = zero_runs.find(scan.size, zeros)
    p = parameters.choose(scan, runs, zeros, r, dtype)
    values, widths = _pieces(scan, runs, zeros, p)
    streams = [
        bits.pack(values[part].reshape(-1), widths[part].reshape(-1), word_bits=8)
        for part in tile_walk.channels_of(words.shape[0])
    ]
    return parameters.write(p, dtype, [len(s) for s in streams]) + b"".join(streams)


def _pieces(
    scan: Scan, runs: zero_runs.Runs, zeros: NDArray[np.bool_], p: Parameters
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Three pieces a word as (values, widths): bits of the run, flag and zeros up to a one, the low bits."""
    raw = scan.size < THRESHOLDS[p.threshold]
    context = np.where(runs.inside, ENDING, np.where(raw, scan.raw_context, scan.predicted_context))
    number = np.where(raw, scan.raw, scan.predicted).astype(_U64)
    k = np.array([code[0] for code in p.codes], np.int64)[context]
    flagged = np.array([code[1] for code in p.codes], np.bool_)[context]
    likeliest = flagged & np.where(context >= TOUCHING, zeros, number == 0)
    number = number - (((flagged & (context < TOUCHING)) | runs.inside) & (number > 0))
    high = number >> k.astype(_U64)
    escape = high >= UNARY_LIMIT
    zero_bits = np.where(escape, UNARY_LIMIT, high).astype(np.int64)
    silent = runs.inside & ~runs.ending  # told by the run alone
    # The unary part ends with a one, but for an escape; a flag stands in front of it.
    unary = np.where(escape, _U64(0), _U64(1)) | np.where(
        flagged, _U64(1) << (zero_bits + ~escape).astype(_U64), _U64(0)
    )
    unary_width = zero_bits + ~escape + flagged
    low = np.where(escape, number, number & ((_U64(1) << k.astype(_U64)) - _U64(1)))
    low_width = np.where(escape, p.range.span.bit_length(), k)
    alone = likeliest & ~silent
    unary, unary_width = np.where(alone, _U64(0), unary), np.where(alone, 1, unary_width)
    run_bits, run_width = zero_runs.pieces(runs, p.run)
    values = np.stack([run_bits, unary, low], axis=-1)
    widths = np.stack([run_width, np.where(silent, 0, unary_width), np.where(silent | alone, 0, low_width)], axis=-1)
    return values, widths


class _Stream:
    """The numbers of one stream."""

    def __init__(self, data: bytes, p: Parameters) -> None:
        self.bits = bits.BitReader(data)
        self._codes, self._range, self._run = p.codes, p.range, p.run

    def run(self, longest: int) -> int:
        """Zeros of the run that begins here, at most `longest`; so many: it ends without a word of its own."""
        done = 0
        while done < longest:
            if not self.bits.take(1):
                done += self.bits.take(self._run)
                if done >= longest:
                    raise corrupt("a run passes the zeros around it")
                return done
            done += 1 << self._run
            self.bits.require()
        return longest

    def ending(self) -> int:
        """The ordinal of the word that ends a run."""
        return self._range.unfold(self._number(self._codes[ENDING][0], 1), self._range.zero)

    def word(self, context: int, prediction: int) -> int:
        """The ordinal of a word outside of runs."""
        k, flagged = self._codes[context]
        if flagged and not self.bits.take(1):
            return self._range.zero if context >= TOUCHING else prediction
        return self._range.unfold(self._number(k, int(flagged and context < TOUCHING)), prediction)

    def _number(self, k: int, less: int) -> int:
        zeros = min(UNARY_LIMIT, 64 - self.bits.peek(64).bit_length())
        if zeros == UNARY_LIMIT:
            self.bits.position += UNARY_LIMIT
            number = self.bits.take(self._range.span.bit_length())
        else:
            self.bits.position += zeros + 1
            number = zeros << k | self.bits.take(k)
        self.bits.require()
        if number + less > self._range.span:
            raise corrupt("a word passes the range of its tile")
        return number + less


def decode(data: bytes, tile: Tile, dtype: DType) -> Words:
    """The words of a tile. Raises PayloadError FM308 unless `data` is exactly their code."""
    parts = tile_walk.channels_of(tile.shape[0])
    p, streams = parameters.read(data, dtype, len(parts))
    x = np.zeros(tile.shape, f"<u{dtype.word_bits // 8}")
    for part, stream in zip(parts, streams, strict=True):
        source = _Stream(stream, p)
        x[part] = tile_walk.decode(source, x[part].shape, p.range, THRESHOLDS[p.threshold], p.averaging)
        source.bits.align(8)
        source.bits.close()
    return neighbours.words_of(x, dtype)
