"""`crans`: context-modelled rANS. Channels run side by side, each byte predicted from what is known around it.

Sources: prediction and contexts as in LOCO-I (Weinberger, Seroussi, Sapiro, 2000) and CALIC (Wu, Memon, 1997), with
least-squares weights over neighbours and other channels; coding by interleaved rANS (Duda 2013, Giesen 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from fmpass.codecs.coders.crans import calibrate, census, fit, reference
from fmpass.codecs.coders.crans.model import CHUNK, Model
from fmpass.codecs.coders.crans.reference import Opened
from fmpass.codecs.corrupt import corrupt
from fmpass.codecs.fields import check, parameter
from fmpass.codecs.stage import MapCoder, Tile, Words
from fmpass.dtypes import DType


@dataclass(frozen=True, slots=True)
class Crans(MapCoder):
    """Bytes by static tables, chosen by prediction and error energy; one lane a channel."""

    name: ClassVar[str] = "crans"
    format_id: ClassVar[int] = 9
    lanes: ClassVar[int] = CHUNK
    least_channels: ClassVar[int] = 16
    has_model: ClassVar[bool] = True

    axis: int = parameter(-3, "axis of the channels, counted from the last", choices=(-3, -2, -1))

    def __post_init__(self) -> None:
        check(self)

    def rejects(self, dtype: DType) -> str | None:
        if dtype.bits < 8:
            return "elements narrower than a byte have no rows of words"
        return "words of 64 bits are no feature maps" if dtype.bits == 64 else None

    def channel_axis(self) -> int:
        return self.axis

    def fit(self, maps: Words, dtype: DType) -> bytes:
        return fit.fit(maps, dtype).to_bytes()

    def calibrate(self, maps: Sequence[Words], dtype: DType) -> bytes:
        return calibrate.calibrate(maps, dtype).to_bytes()

    def variants(self, shape: tuple[int, ...]) -> tuple[MapCoder, ...]:
        # Tokens have their features last, and an axis -3 of one channel says nothing.
        tokens = 2 <= len(shape) <= 3 or (len(shape) > 3 and shape[-3] == 1)
        return (self, replace(self, axis=-1)) if tokens and self.axis == -3 else (self,)

    def price(self, maps: Sequence[Words], dtype: DType, model: bytes) -> float:
        return census.price_of(Model.from_bytes(model), maps, dtype)

    def open(self, model: bytes, dtype: DType, channels: int) -> Opened:
        found = Model.from_bytes(model)
        if len(found.planes) != dtype.word_bits // 8:
            raise corrupt(f"the model has {len(found.planes)} planes, not those of {dtype.name}")
        if found.channels not in (0, channels):
            raise corrupt(f"the model is for maps of {found.channels} channels, not {channels}")
        return Opened(found, tuple(plane.frequencies() for plane in found.planes))

    def least_nbytes(self, tile: Tile, dtype: DType) -> int:
        # A byte takes 1/1420 bit or more, of which the states may hold 16 each.
        words = max(0, tile.words // 1420 - 16 * min(4 * tile.shape[0], 64)) // 16
        return 1 + 4 * min(tile.shape[0], 16) + 2 * words

    def encode(self, words: Words, tile: Tile, dtype: DType, opened: Opened) -> bytes | None:
        return reference.encode(words, tile, dtype, opened)

    def decode(self, data: bytes, tile: Tile, dtype: DType, opened: Opened) -> Words:
        return reference.decode(data, tile, dtype, opened)


STAGE = Crans
