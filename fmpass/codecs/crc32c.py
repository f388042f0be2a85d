"""CRC32C (Castagnoli) in numpy: reflected polynomial 0x1EDC6F41, initial value and final xor 0xFFFFFFFF (RFC 3720).

A CRC is linear over GF(2), so the bytes are cut into equal lanes that advance together, one table look-up a byte, and
lanes are joined pairwise with the operator "append k zero bytes", itself kept as four tables of 256 entries.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # 0x1EDC6F41 with its bits in reverse
_LANE = 64  # bytes; a power of two

Register = NDArray[np.uint32]


def crc32c(data: bytes | memoryview) -> int:
    """CRC32C of `data`; of b"123456789" it is 0xE3069283."""
    if len(data) < 4 * _LANE:
        return _short(data)
    body = np.frombuffer(data, np.uint8)
    lanes = 1 << (-(-body.size // _LANE) - 1).bit_length()
    padded = np.zeros(lanes * _LANE, np.uint8)
    padded[padded.size - body.size :] = body  # leading zeros leave a register of zero alone
    padded[padded.size - body.size :][:4] ^= 0xFF  # the initial value, moved into the data
    columns = np.ascontiguousarray(padded.reshape(lanes, _LANE).T)
    register = np.zeros(lanes, np.uint32)
    table = _table()
    for column in columns:
        register = table[(register ^ column) & 0xFF] ^ (register >> np.uint32(8))
    span = _LANE
    while register.size > 1:
        register = _append_zeros(register[0::2], _operator(span)) ^ register[1::2]
        span *= 2
    return int(register[0]) ^ 0xFFFFFFFF


def _short(data: bytes | memoryview) -> int:
    table = _table_list()
    register = 0xFFFFFFFF
    for byte in bytes(data):
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register ^ 0xFFFFFFFF


@cache
def _table() -> Register:
    register = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        register = (register >> np.uint32(1)) ^ np.where(register & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return register


@cache
def _table_list() -> list[int]:
    return _table().tolist()


@cache
def _operator(span: int) -> tuple[Register, ...]:
    """Tables of "append `span` zero bytes" (a power of two), one for each byte of the register."""
    values = np.arange(256, dtype=np.uint32)
    shifted: tuple[Register, ...] = tuple((values << np.uint32(8 * i)).astype(np.uint32) for i in range(4))
    if span == 1:
        table = _table()
        return tuple(table[v & 0xFF] ^ (v >> np.uint32(8)) for v in shifted)
    half = _operator(span // 2)
    return tuple(_append_zeros(_append_zeros(v, half), half) for v in shifted)


def _append_zeros(register: Register, operator: tuple[Register, ...]) -> Register:
    result: Any = np.uint32(0)
    for i, table in enumerate(operator):
        result = result ^ table[(register >> np.uint32(8 * i)) & np.uint32(0xFF)]
    return result
