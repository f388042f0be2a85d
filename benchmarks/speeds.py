"""GB/s of coders, beside memcpy and general compressors, on a tensor that no cache holds.

Everything is done in turn, again and again, memcpy of the same tensor included; a speed is the median, a ratio that of
medians. One thread is measured in its processor time, which other work on the machine disturbs less; two in wall time.
All write into memory that is there already, as memcpy does and a runtime that has an arena. Compressors get the tensor
map by map, so that none finds one map in another; what they give is new memory, but so little that malloc and the
cache have it at hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from peers import Peer
from rates import Array, takes

from fmpass.codecs import native
from fmpass.codecs.chain import Chain
from fmpass.codecs.encoder import Encoder

Work = Callable[[], Any]


@dataclass(frozen=True)
class Tensor:
    """Feature maps [maps, channels, rows, columns]."""

    label: str
    array: Array


@dataclass(frozen=True)
class Speed:
    """10⁹ tensor bytes a second, medians of `runs`. `simd` is "" for what is not this library's."""

    coder: str
    tensor: str
    simd: str
    threads: int
    encode: float
    decode: float
    memcpy: float
    """In the same runs, one thread."""
    runs: int
    call: bool = False
    """A call from Python whose result is new memory; else the result goes to memory that is there."""

    @property
    def ratios(self) -> tuple[float, float]:
        """(encode, decode), memcpy = 1."""
        return self.encode / self.memcpy, self.decode / self.memcpy


def repeat(
    works: Sequence[Work], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> tuple[list[float], int]:
    """Median seconds of each call, and how many there were: all in turn, at least five times and `seconds` in all."""
    times: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    while len(times[0]) < 5 or sum(map(sum, times)) < seconds:
        for work, taken in zip(works, times, strict=True):
            begin = clock()
            work()
            taken.append(clock() - begin)
    return [median(taken) for taken in times], len(times[0])


def tiled(maps: dict[str, Array], names: Sequence[str], nbytes: int) -> Iterator[Tensor]:
    """Maps along a batch axis up to `nbytes`, as int8; the first one as float32 too, with the same zeros."""
    for name in names:
        one = maps[name]
        yield Tensor(f"{name} int8", np.tile(one[None], (max(1, nbytes // one.nbytes), 1, 1, 1)))
    one = maps[names[0]].astype(np.float32) * np.float32(0.37)
    yield Tensor(f"{names[0]} float32", np.tile(one[None], (max(1, nbytes // one.nbytes), 1, 1, 1)))


class Bench:
    """Measures on one tensor. Buffers are made, and touched, once."""

    def __init__(self, tensor: Tensor, seconds: float) -> None:
        self.tensor = tensor
        self.seconds = seconds
        self._restored = np.ones_like(tensor.array)
        self._payload = np.ones(tensor.array.nbytes * 9 // 8 + (1 << 20), np.uint8)

    def _speed(self, works: Sequence[Work], coder: str, simd: str, threads: int, call: bool = False) -> Speed:
        array, target = self.tensor.array, self._restored
        clock = time.thread_time if threads == 1 else time.perf_counter
        (memcpy, *others), runs = repeat([lambda: np.copyto(target, array), *works], self.seconds, clock)
        gb = array.nbytes / 1e9
        encode, decode = others
        return Speed(coder, self.tensor.label, simd, threads, gb / encode, gb / decode, gb / memcpy, runs, call)

    def memcpy(self, threads: int) -> Speed:
        """numpy's copy, which gives up the interpreter's lock. What more threads gain is what memory can give."""
        from concurrent.futures import ThreadPoolExecutor

        array = self.tensor.array
        if threads == 1:  # a pool would work outside of this thread's clock
            return self._speed([lambda: np.copyto(self._restored, array)] * 2, "memcpy", "", 1)
        parts = list(zip(np.array_split(self._restored, threads), np.array_split(array, threads), strict=True))
        with ThreadPoolExecutor(threads) as pool:

            def copy() -> None:
                list(pool.map(lambda pair: np.copyto(*pair), parts))

            return self._speed([copy, copy], "memcpy", "", threads)

    def coder(self, text: str, simd: str, threads: int) -> Speed | None:
        """A coder of this library; None where it does not take the tensor."""
        chain, array = Chain.parse(text), self.tensor.array
        if not takes(chain, array):
            return None
        native.set_simd_level(simd)
        encoder, out, restored = Encoder(), self._payload, self._restored
        payload = native.encode(chain, array, threads=2)
        restored.fill(0)
        if native.decode(payload, chain, out=restored).tobytes() != array.tobytes():
            raise SystemExit(f"{text} does not restore {self.tensor.label}")
        works = (
            lambda: encoder.encode_into(out, chain, array, threads=threads),
            lambda: native.decode(payload, chain, threads=threads, out=restored),
        )
        return self._speed(works, text, simd, threads)

    def call(self, text: str) -> Speed | None:
        """As a Python program calls it, one thread: the payload and the tensor are new."""
        chain, array = Chain.parse(text), self.tensor.array
        if not takes(chain, array):
            return None
        payload = native.encode(chain, array)
        works = (lambda: native.encode(chain, array), lambda: native.decode(payload, chain))
        return self._speed(works, text, native.simd_level(), 1, call=True)

    def peer(self, peer: Peer) -> Speed:
        """A general compressor, map by map."""
        width = self.tensor.array.itemsize
        maps = [one.tobytes() for one in self.tensor.array]
        codes = [peer.encode(one, width) for one in maps]
        if [peer.decode(code) for code in codes[:1]] != maps[:1]:
            raise SystemExit(f"{peer.name} does not restore {self.tensor.label}")

        def encode() -> None:
            for one in maps:
                peer.encode(one, width)

        def decode() -> None:
            for code in codes:
                peer.decode(code)

        return self._speed([encode, decode], peer.name, "", 1)
