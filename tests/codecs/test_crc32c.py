"""CRC32C: published check values, lanes against the byte-wise definition, native against reference."""

from __future__ import annotations

import numpy as np
import pytest
from codec_cases import needs_library, thorough
from hypothesis import given
from hypothesis import strategies as st

from fmpass.codecs import native
from fmpass.codecs.crc32c import crc32c


def bitwise(data: bytes) -> int:
    """The definition, one bit at a time."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        # RFC 3720, B.4
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_published_values(data, value):
    assert crc32c(data) == value


@pytest.mark.parametrize("size", [1, 3, 4, 255, 256, 257, 320, 4095, 4096, 4097, 20001])
def test_lanes_equal_the_definition(size):
    data = np.random.default_rng(size).bytes(size)
    assert crc32c(data) == bitwise(data)
    assert crc32c(memoryview(data)[1:]) == bitwise(data[1:])


@needs_library
@thorough
@given(st.binary(max_size=2000))
def test_native_equals_reference(data):
    assert native.crc32c(data) == crc32c(data)
