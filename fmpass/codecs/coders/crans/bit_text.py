"""Bits of a crans model, the most significant of a byte first: plain numbers, Elias gamma and Rice codes."""

from __future__ import annotations

from fmpass.codecs.corrupt import corrupt


class BitWriter:
    """Bits put one number behind the other."""

    def __init__(self) -> None:
        self._bits = 0
        self.count = 0

    def put(self, value: int, count: int) -> None:
        """The low `count` bits of `value`, which has no others."""
        self._bits = self._bits << count | value
        self.count += count

    def gamma(self, value: int) -> None:
        """Elias gamma of `value` ≥ 1: as many zeros as it has bits behind its first one, then the bits."""
        length = value.bit_length()
        self.put(value, 2 * length - 1)

    def rice(self, value: int, k: int) -> None:
        """`value >> k` ones, a zero, then the low `k` bits."""
        quotient = value >> k
        self.put((1 << quotient) - 1 << 1, quotient + 1)
        self.put(value & (1 << k) - 1, k)

    def append(self, other: BitWriter) -> None:
        """All bits of another writer."""
        self.put(other._bits, other.count)

    def to_bytes(self) -> bytes:
        """The bits, completed with zeros to a byte."""
        padding = -self.count % 8
        return (self._bits << padding).to_bytes((self.count + padding) // 8, "big")


class BitReader:
    """The inverse. Raises PayloadError FM308 where the bits end early."""

    def __init__(self, data: bytes) -> None:
        self._text = data
        self._at = 0

    def take(self, count: int) -> int:
        """The next `count` bits."""
        end = self._at + count
        if end > 8 * len(self._text):
            raise corrupt("the model is cut short")
        first, last = self._at // 8, -(-end // 8)
        value = int.from_bytes(self._text[first:last], "big") >> 8 * last - end
        self._at = end
        return value & (1 << count) - 1

    def gamma(self) -> int:
        """A number ≥ 1, of 16 bits at most."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 15:
                raise corrupt("a number of the model is too long")
        return 1 << zeros | self.take(zeros)

    def rice(self, k: int, most: int) -> int:
        """A number up to `most`."""
        quotient = 0
        while self.take(1):
            quotient += 1
            if quotient << k > most:
                raise corrupt("a number of the model is out of range")
        return quotient << k | self.take(k)

    def end(self) -> None:
        """Raises unless only zero bits up to the end of the last byte are left."""
        left = 8 * len(self._text) - self._at
        if left > 7 or self.take(left):
            raise corrupt("the model has bytes left over")
