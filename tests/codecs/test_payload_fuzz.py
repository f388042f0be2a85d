"""Damaged payloads: every one is decoded or refused with a PayloadError, by both implementations alike.

Seeded, so that a finding can be repeated. Part of the damage gets its checksums repaired: it reaches directory, side
data and coders, which an unrepaired change never does.
"""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest
from codec_cases import CHAINS, FILLS, filled, needs_library, usable

from fmpass.codecs import container, native
from fmpass.codecs.chain import Chain
from fmpass.codecs.crc32c import crc32c
from fmpass.codecs.stage import MapCoder
from fmpass.dtypes import by_name, of_array
from fmpass.errors import PayloadError

MUTATIONS_OF_A_CHAIN = 400
SHARE_OF_THE_REFERENCE = 4
FIXED = 24
Seed = tuple[bytes, Chain | None]


def layout(payload: bytes | bytearray) -> tuple[int, int, int]:
    """(start of the directory, number of blocks, end of the directory) as the header tells them, true or not."""
    rank, text, side, blocks = payload[7], *struct.unpack_from("<H2xII", payload, 12)
    directory = FIXED + 8 * rank + 4 * payload[14] + text + side
    return directory, blocks, directory + 8 * blocks


def repaired(payload: bytearray) -> bytes:
    """The payload with the length of its last block set to what is there, and all checksums made to hold."""
    if len(payload) < FIXED:
        return bytes(payload)
    directory, blocks, end = layout(payload)
    if end + 4 > len(payload):
        return bytes(payload)
    start = end + 4
    for i in range(blocks):
        at = directory + 8 * i
        entry = struct.unpack_from("<I", payload, at)[0]
        length = entry & 0x7FFFFFFF
        if i == blocks - 1 and len(payload) >= start:
            length = len(payload) - start
            struct.pack_into("<I", payload, at, length | entry & 0x80000000)
        struct.pack_into("<I", payload, at + 4, crc32c(payload[start : start + length]))
        start += length
    struct.pack_into("<I", payload, end, crc32c(payload[:end]))
    return bytes(payload)


NASTY = [0, 1, 0x7F, 0x80, 0xFF]
NASTY_WORDS = [0, 1, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 1 << 24, (1 << 24) + 1]


def mutated(rng: np.random.Generator, payload: bytes) -> bytes:
    """One to four changes, at any place or only behind the directory; then, most of the time, repaired checksums."""
    data = bytearray(payload)
    body = layout(payload)[2] + 4
    first = body if rng.random() < 0.5 and body < len(payload) else 0
    for _ in range(rng.integers(1, 5)):
        if len(data) <= first:
            break
        at = int(rng.integers(first, len(data)))
        kind = rng.integers(0, 8)
        if kind <= 1:
            data[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            data[at] = int(rng.choice(NASTY))
        elif kind == 3:
            data[at] = int(rng.integers(0, 256))
        elif kind == 4:
            del data[at : at + int(rng.integers(1, 9))]
        elif kind == 5:
            data[at:at] = rng.bytes(int(rng.integers(1, 9)))
        elif kind == 6 and at + 4 <= len(data):
            struct.pack_into("<I", data, at, int(rng.choice(NASTY_WORDS)))
        else:
            source = int(rng.integers(first, len(data)))
            piece = data[source : source + int(rng.integers(1, 17))]
            data[at : at + len(piece)] = piece
    return repaired(data) if rng.random() < 0.75 else bytes(data)


def seeds(chain: Chain) -> list[Seed]:
    """Small payloads of a chain: every type, dense and sparse, one block and several, with text and without."""
    found: list[Seed] = []
    for number, dtype in enumerate(usable(chain, 2)):
        shape = (2, 3, 5 + number) if isinstance(chain.coder, MapCoder) else (3, 5 + number)
        array = filled(FILLS[number % len(FILLS)], dtype, shape, number)
        inside = number % 2 == 0
        payload = container.encode(chain, array, (7, 1000)[number % 3 > 0], inside)
        found.append((payload, None if inside else chain))
    return found


def outcome(engine, payload: bytes, chain: Chain | None) -> tuple[str, bytes | str]:
    try:
        array = engine.decode(payload, chain)
    except PayloadError as error:
        assert error.where, error
        return "refused", error.code
    return "decoded", of_array(array).to_words(array).tobytes() + repr((array.shape, array.dtype)).encode()


@pytest.mark.parametrize("number", range(len(CHAINS)), ids=[str(c) for c in CHAINS])
def test_damaged_payloads_are_decoded_or_refused(number):
    assert MUTATIONS_OF_A_CHAIN * len(CHAINS) >= 10_000
    chain = CHAINS[number]
    rng, corpus, reached = np.random.default_rng(number), seeds(chain), set[str]()
    levels = native.simd_levels() if native.available() else ()
    for i in range(MUTATIONS_OF_A_CHAIN):
        payload, given = corpus[i % len(corpus)]
        damaged = mutated(rng, payload)
        found = []
        if levels:
            native.set_simd_level(levels[i % len(levels)])
            found.append(outcome(native, damaged, given))
        if not levels or i % SHARE_OF_THE_REFERENCE == 0:
            found.append(outcome(container, damaged, given))
        assert len(set(found)) == 1, (found, given and str(given), damaged.hex())
        reached.add(found[0][1] if found[0][0] == "refused" else "decoded")
    # The damage must get past header and checksums, else it would test nothing.
    assert {"FM303", "FM305", "FM308", "decoded"} <= reached | ({"FM308"} if str(chain) == "raw" else set())


def engines():
    return [container, *([native] if native.available() else [])]


@pytest.mark.parametrize(
    "chain", [Chain.parse(t) for t in ("raw", "zvc", "zrle", "bpc", "ebpc", "quant{axis=0}|zvc")], ids=str
)
def test_every_cut_is_refused(chain):
    payload = container.encode(chain, filled("relu", by_name("float32"), (3, 9)), 8, True)
    for engine in engines():
        for size in range(len(payload)):
            with pytest.raises(PayloadError):
                engine.decode(payload[:size])
        with pytest.raises(PayloadError, match="FM303"):
            engine.decode(payload + b"\0")


@pytest.mark.parametrize("chain", ["zvc", "ebpc", "quant|zrle"])
def test_every_single_bit_is_guarded(chain):
    payload = container.encode(Chain.parse(chain), filled("relu", by_name("float32"), (3, 9)), 8)
    for engine in engines():
        for bit in range(8 * len(payload)):
            damaged = bytearray(payload)
            damaged[bit // 8] ^= 1 << bit % 8
            with pytest.raises(PayloadError):
                engine.decode(bytes(damaged), Chain.parse(chain))


def lie(payload: bytes, at: int, form: str, *values: int) -> bytes:
    data = bytearray(payload)
    struct.pack_into(form, data, at, *values)
    return repaired(data)


PLAIN = container.encode(Chain.parse("zvc"), np.zeros((4, 6), np.float32), 8)
EXTENT, DIMS = FIXED + 16, FIXED


@pytest.mark.parametrize(
    ("what", "payload", "code", "where"),
    [
        ("magic", lie(PLAIN, 0, "<I", 0), "FM301", "magic"),
        ("version", lie(PLAIN, 4, "<B", 2), "FM302", "version"),
        ("flags", lie(PLAIN, 5, "<B", 2), "FM304", "flags"),
        ("reserved", lie(PLAIN, 15, "<B", 1), "FM304", "reserved"),
        ("grid rank", lie(PLAIN, 14, "<B", 2), "FM304", "grid rank"),
        ("text without flag", lie(PLAIN, 12, "<H", 1), "FM304", "text bytes"),
        ("dtype", lie(PLAIN, 6, "<B", 8), "FM307", "dtype"),
        ("rank", lie(PLAIN, 7, "<B", 33), "FM304", "rank"),
        ("side bytes beyond the end", lie(PLAIN, 16, "<I", 0xFFFFFFFF), "FM303", "header"),
        ("blocks beyond the end", lie(PLAIN, 20, "<I", 0xFFFFFFFF), "FM303", "header"),
        ("dims overflow", lie(PLAIN, DIMS, "<QQ", 1 << 32, 1 << 32), "FM304", "dims"),
        ("dims overflow beside a zero", lie(PLAIN, DIMS, "<QQ", 0, 1 << 60), "FM304", "dims"),
        ("dims beyond 63 bits", lie(PLAIN, DIMS, "<QQ", 1 << 63, 1), "FM304", "dims"),
        ("extent 0", lie(PLAIN, EXTENT, "<I", 0), "FM304", "extents"),
        ("extent too large", lie(PLAIN, EXTENT, "<I", (1 << 24) + 1), "FM304", "extents"),
        ("more elements", lie(PLAIN, DIMS, "<QQ", 1 << 20, 1 << 20), "FM304", "blocks"),
        ("fewer elements", lie(PLAIN, DIMS, "<QQ", 1, 6), "FM304", "blocks"),
        ("other extent", lie(PLAIN, EXTENT, "<I", 7), "FM304", "blocks"),
        ("words that three bytes cannot hold", lie(PLAIN, DIMS, "<QQQ", 3 << 20, 1 << 3, 1 << 23), "FM308", "blocks"),
        ("raw flag on a coded block", lie(PLAIN, EXTENT + 4, "<I", 1 | 1 << 31), "FM308", "block 0"),
        ("another type", lie(PLAIN, 6, "<B", 11), "FM308", "block"),
        ("chain digest", lie(PLAIN, 8, "<I", 0), "FM306", "chain digest"),
    ],
)
def test_lies_are_refused_by_name_and_without_their_memory(what, payload, code, where):
    chain = Chain.parse("zvc")
    if what == "another type":  # zeros are zeros: a lie about the width has to be made visible
        payload = lie(container.encode(chain, np.ones((4, 6), np.float32) * 0.5, 8), 6, "<B", 11)
    for engine in engines():
        tracemalloc.start()
        with pytest.raises(PayloadError) as raised:
            engine.decode(payload, chain)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert raised.value.code == code, (what, raised.value)
        assert raised.value.where.startswith(f"payload {where}"), raised.value
        assert peak < 1 << 20


@needs_library
def test_text_lies_are_refused():
    payload = container.encode(Chain.parse("zvc"), np.zeros(9, np.int8), 8, True)
    at = payload.index(b"zvc")
    for text in (b"zvx", b"raw", b" zv", b"\xff\xfe\xfd"):
        for engine in engines():
            with pytest.raises(PayloadError) as raised:
                engine.decode(repaired(bytearray(payload[:at] + text + payload[at + 3 :])))
            assert raised.value.code == ("FM304" if text[0] == 0xFF else "FM306")
