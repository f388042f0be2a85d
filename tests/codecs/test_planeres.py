"""`planeres` takes the shortest difference that there is, and refuses references that cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from codec_cases import needs_library, thorough
from hypothesis import given
from hypothesis import strategies as st
from test_payload_fuzz import layout, repaired

from fmpass.codecs import container, native
from fmpass.codecs.chain import Chain, preset
from fmpass.codecs.transforms.planeres import PlaneRes, reference
from fmpass.codecs.transforms.planeres.side import LEAST_PLANE
from fmpass.dtypes import by_name
from fmpass.errors import PayloadError

UINT8 = by_name("uint8")


def alike(rng: np.random.Generator, shape: tuple[int, ...], dtype: str = "int8") -> np.ndarray:
    """Maps whose planes differ by little from one that is up to four channels back."""
    maps = rng.integers(-90, 90, shape)
    for c in range(1, shape[-3]):
        back = int(rng.integers(0, min(c, 4) + 1))
        if back:
            maps[..., c, :, :] = maps[..., c - back, :, :] + rng.integers(-1, 2, shape[-2:])
    return maps.astype(dtype)


def test_the_example_of_the_format_page():
    array = np.array([[10] * 8, [10] * 7 + [11], [0] * 8], np.uint8).reshape(3, 1, 8)
    words, side = PlaneRes(window=2).forward(array)
    assert side == b"\x04"
    assert words.dtype == np.int8
    assert words.reshape(3, 8).tolist() == [[10] * 8, [0] * 7 + [1], [0] * 8]


@pytest.mark.parametrize("fits", [0, 1, 3])
def test_references_are_the_shortest(fits):
    # Word by word, as FORMAT.md has it, with Python's integers.
    rng, window = np.random.default_rng(fits), 5
    planes = alike(rng, (11, 4, 6)).astype(np.int64).reshape(11, -1)

    def wrapped(word: int) -> int:
        return (word + 128) % 256 - 128

    def class_of(word: int) -> int:
        return word.bit_length() if word >= 0 else 8 + (-1 - word).bit_length()

    def rest(c: int, r: int) -> list[int]:
        return [wrapped(int(x - y)) for x, y in zip(planes[c], planes[c - r] if r else 0 * planes[c], strict=True)]

    lengths = [8 if s == 0 else 8 * (s % 8 + 4) for s in range(16)]
    found: list[int] = []
    for again in range(fits + 1):
        if again:
            counts = [1] * 16
            for c, r in enumerate(found):
                for word in rest(c, r):
                    counts[class_of(word)] += 1
            whole = reference.log2_eighths(sum(counts))
            shares = [min(whole - reference.log2_eighths(n), 120) for n in counts]
            lengths = [share + 8 * max(s % 8 - 1, 0) for s, share in enumerate(shares)]
        found = [
            min(range(min(c, window) + 1), key=lambda r, c=c: sum(lengths[class_of(w)] for w in rest(c, r)))
            for c in range(11)
        ]
    assert reference.choose(planes.astype(np.uint8), window, fits).tolist() == found
    assert max(found) > 1


def test_logarithms_are_near():
    for n in [*range(1, 3000), 2**31 - 1, 2**40 + 12345, 2**62 + 1]:
        assert 8 * math.log2(n) - 1.001 < reference.log2_eighths(n) <= 8 * math.log2(n) + 0.001


@pytest.mark.parametrize("axis", [-3, -2, -1])
@needs_library
def test_the_axis_only_says_where_channels_are(axis):
    maps = alike(np.random.default_rng(3), (2, 40, 5, 7))
    chain = Chain.parse(f"planeres{{axis={axis}}}|raw")
    words, side = PlaneRes().forward(maps)
    moved, moved_side = PlaneRes(axis=axis).forward(np.ascontiguousarray(np.moveaxis(maps, -3, axis)))
    assert moved_side == side
    assert np.array_equal(np.moveaxis(moved, axis, -3), words)
    array = np.ascontiguousarray(np.moveaxis(maps, -3, axis))
    assert native.encode(chain, array) == container.encode(chain, array)


@pytest.mark.parametrize("axis", [-3, -2, -1])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int64"])
@needs_library
@thorough
@given(st.data())
def test_alike_planes_are_coded_alike(dtype, axis, data):
    shape = tuple(data.draw(st.lists(st.integers(1, 3), max_size=1))) + tuple(
        data.draw(st.tuples(st.integers(1, 70), st.integers(1, 9), st.integers(1, 40)))
    )
    array = alike(np.random.default_rng(data.draw(st.integers(0, 999))), shape, dtype)
    window, fits = data.draw(st.integers(1, 63)), data.draw(st.integers(0, 4))
    array = np.ascontiguousarray(np.moveaxis(array, -3, axis))
    chain = Chain.parse(f"planeres{{window={window},fits={fits},axis={axis}}}|raw")
    payload = container.encode(chain, array)
    before = native.simd_level()
    for level in native.simd_levels():
        native.set_simd_level(level)
        assert native.encode(chain, array) == payload
        assert np.array_equal(native.decode(payload, chain), array)
    native.set_simd_level(before)
    assert np.array_equal(container.decode(payload, chain), array)


@pytest.mark.parametrize("shape", [(), (9,), (1, 6, 6), (5, 1, LEAST_PLANE - 1), (4, 0, 8), (7, 30)])
def test_without_references_nothing_changes(shape):
    array = np.zeros(shape, np.uint8) + np.uint8(200)
    words, side = PlaneRes().forward(array)
    assert side == b""
    assert np.array_equal(words.view(np.uint8), array)
    assert PlaneRes().side_nbytes(UINT8, shape) == 0


@pytest.mark.parametrize(
    ("references", "what"),
    [
        ([0, 2, 0, 0, 0, 0], "refers"),
        ([1, 0, 0, 0, 0, 0], "refers"),
        ([0, 0, 0, 1, 0, 0], "refers"),
        ([0, 0, 3, 0, 0, 0], "refers"),
        ([0, 1, 2, 0, 1, 2, 1], "padding"),
    ],
)
def test_references_that_cannot_be_are_refused(references, what):
    array, chain = np.zeros((2, 3, 2, 4), np.uint8), Chain.parse("planeres|raw")
    assert PlaneRes().side_nbytes(UINT8, array.shape) == 2
    packed = sum(r << 2 * i for i, r in enumerate(references)).to_bytes(2, "little")
    payload = bytearray(container.encode(chain, array))
    directory = layout(payload)[0]
    payload[directory - 2 : directory] = packed
    for engine in (container, *([native] if native.available() else [])):
        with pytest.raises(PayloadError, match=f"FM308.*{what}"):
            engine.decode(repaired(payload), chain)


@pytest.mark.parametrize("dtype", ["bool", "float16", "float32", "float8e4m3fn", "uint4", "int4"])
def test_other_types_are_refused(dtype):
    assert "quantise first" in (PlaneRes().rejects(by_name(dtype), 3) or "")


def test_similar_planes_get_shorter():
    maps = alike(np.random.default_rng(8), (1, 32, 16, 16))
    dc_ac = len(container.encode(preset("dc-ac"), maps))
    assert dc_ac < 0.7 * len(container.encode(Chain.parse("seg"), maps))
