"""Contract of the coders that see feature maps: tiles by themselves, axes, models inside and resident, threads."""

from __future__ import annotations

import numpy as np
import pytest
from codec_cases import FILLS, MAP_CODERS, filled, needs_library, same_bits, usable

from fmpass.codecs import blocks, container, native
from fmpass.codecs.chain import Chain
from fmpass.codecs.header import read
from fmpass.codecs.stage import MapCoder, Tile
from fmpass.dtypes import DType, by_name
from fmpass.errors import PayloadError, UsageError

TILES = ((1, 1, 1), (1, 1, 9), (3, 1, 5), (5, 4, 7), (9, 3, 1), (4, 2, 130), (1, 40, 2))
WITH_MODEL = [coder for coder in MAP_CODERS if coder.has_model]
each_coder = pytest.mark.parametrize("coder", MAP_CODERS, ids=lambda c: str(Chain((), c)))
each_with_model = pytest.mark.parametrize("coder", WITH_MODEL, ids=lambda c: str(Chain((), c)))


def engines():
    return [container, *([native] if native.available() else [])]


def opened(coder: MapCoder, maps: np.ndarray, dtype: DType) -> object:
    return coder.open(coder.fit(maps, dtype), dtype, maps.shape[1]) if coder.has_model else None


@each_coder
@pytest.mark.parametrize("fill", FILLS)
def test_a_tile_comes_back_within_the_sizes_that_the_coder_declares(coder, fill):
    for dtype in usable(Chain((), coder)):
        for shape in TILES:
            words = dtype.to_words(filled(fill, dtype, shape, 1)).reshape(shape)
            tile, model = Tile(0, shape), opened(coder, words[None], dtype)
            code = coder.encode(words, tile, dtype, model)
            assert coder.least_nbytes(tile, dtype) <= len(code)
            restored = coder.decode(code, tile, dtype, model)
            assert restored.dtype == words.dtype
            assert (restored == words).all(), (dtype.name, shape)
            for cut in (code[:-1], code + b"\0"):
                with pytest.raises(PayloadError, match="FM308"):
                    coder.decode(cut, tile, dtype, model)


@each_coder
def test_the_least_size_grows_with_the_words(coder):
    # Else a short payload could ask for much memory.
    for dtype in usable(Chain((), coder)):
        for shape in ((64, 128, 128), (1, 1, 1 << 20), (1 << 16, 1, 4)):
            assert coder.least_nbytes(Tile(0, shape), dtype) << 15 >= np.prod(shape)


@each_coder
def test_every_tile_decodes_without_its_neighbours(coder):
    chain, rng = Chain((), coder), np.random.default_rng(3)
    dtype = next(d for d in usable(chain) if d.name in ("int8", "uint8"))
    lanes = coder.lanes
    array = np.cumsum(rng.integers(-2, 3, (2, 2 * lanes + 1, 10, 12)), axis=-1).astype(dtype.numpy)
    payload = container.encode(chain, array, 5 * lanes * 12)
    frame = read(payload)
    cut = blocks.Blocks(chain, dtype, array.shape, frame.header.extents, frame.header.block_words)
    model = cut.open(frame.side, None)
    maps = blocks.grid.view(dtype.to_words(array), array.shape, coder.channel_axis())
    assert frame.header.blocks == cut.number > 4
    bodies, start = bytes(frame.body), 0
    for i, (tile, where) in enumerate(cut.grid or ()):
        code = bodies[start : start + int(frame.lengths[i])]
        start += len(code)
        words = np.ascontiguousarray(maps[where])
        if frame.raw[i]:
            assert code == words.tobytes()
        else:
            assert (coder.decode(code, tile, dtype, model) == words).all()
            assert coder.encode(words, tile, dtype, model) == code, "a tile depends on more than its words"


@pytest.mark.parametrize("stage", list(dict.fromkeys(type(coder) for coder in MAP_CODERS)), ids=lambda s: s.name)
@pytest.mark.parametrize(("axis", "order"), [(-3, (0, 1, 2)), (-2, (1, 0, 2)), (-1, (1, 2, 0))])
def test_the_axis_of_channels_is_only_where_they_lie(stage, axis, order):
    for name in ("int8", "float32", "uint16"):
        dtype = by_name(name)
        if stage().rejects(dtype) is not None:
            continue
        array = filled("ramp", dtype, (5, 6, 7), 2)
        chain, moved = Chain((), stage()), np.ascontiguousarray(array.transpose(order))
        other = Chain((), stage(axis=axis))
        for engine in engines():
            payloads = [engine.encode(chain, array, 120), engine.encode(other, moved, 120)]
            frames = [read(payload) for payload in payloads]
            assert frames[0].header.extents == frames[1].header.extents
            assert bytes(frames[0].side) == bytes(frames[1].side)
            assert bytes(frames[0].body) == bytes(frames[1].body)
            assert same_bits(engine.decode(payloads[1], other), moved, dtype)


@each_coder
def test_residents_are_refused_where_there_is_no_model(coder):
    if coder.has_model:
        return
    chain = Chain((), coder)
    array = filled("relu", usable(chain)[0], (2, 3, 4, 5))
    for engine in engines():
        with pytest.raises(UsageError, match=r"FM006.*resident"):
            engine.encode(chain, array, resident=b"model")


@each_with_model
def test_a_model_is_inside_or_resident(coder):
    chain = Chain((), coder)
    for dtype in usable(chain, 4)[:3]:
        shape = (2, 8, 24, 20)  # else raw blocks take less than coded ones and a model, which is left out then
        array, other = filled("relu", dtype, shape, 1), filled("relu", dtype, shape, 2)
        view = blocks.grid.view(dtype.to_words(other), other.shape, coder.channel_axis())
        resident, wrong = coder.fit(view, dtype), coder.fit(view[:, :, :3], dtype)
        assert resident != wrong
        for engine in engines():
            inside = engine.encode(chain, array)
            assert same_bits(engine.decode(inside, chain), array, dtype)
            assert same_bits(engine.decode(inside, chain, resident=wrong), array, dtype)
            outside = engine.encode(chain, array, resident=resident)
            assert same_bits(engine.decode(outside, chain, resident=resident), array, dtype)
            for given in (None, wrong):
                with pytest.raises(PayloadError, match=r"FM306.*resident data"):
                    engine.decode(outside, chain, resident=given)
            carried = engine.encode(chain, array, self_contained=True, resident=resident)
            assert same_bits(engine.decode(carried), array, dtype)
            assert engine.encode(chain, array, resident=resident) == container.encode(chain, array, resident=resident)
            assert carried == container.encode(chain, array, self_contained=True, resident=resident)


@each_with_model
def test_a_damaged_model_is_refused_alike(coder):
    chain, rng = Chain((), coder), np.random.default_rng(5)
    dtype = usable(chain, 4)[0]
    array = filled("relu", dtype, (1, 8, 6, 5), 1)
    resident = coder.fit(blocks.grid.view(dtype.to_words(array), array.shape, coder.channel_axis()), dtype)
    for i in range(300):
        damaged = bytearray(resident)
        if i % 3:
            damaged[int(rng.integers(len(damaged)))] ^= 1 << int(rng.integers(8))
        else:
            del damaged[int(rng.integers(len(damaged))) :]
        outcomes = set()
        for engine in engines():
            try:
                payload = engine.encode(chain, array, resident=bytes(damaged))
                assert same_bits(engine.decode(payload, chain, resident=bytes(damaged)), array, dtype)
                outcomes.add(payload)
            except (PayloadError, UsageError):
                outcomes.add(b"refused")
        assert len(outcomes) == 1


@needs_library
@each_coder
def test_threads_write_and_read_the_same_bytes(coder):
    chain = Chain((), coder)
    for dtype in usable(chain)[:4]:
        array = filled("relu", dtype, (3, 9, 14, 11), 4)
        one, two = (native.encode(chain, array, 200, threads=n) for n in (1, 2))
        assert one == two
        assert same_bits(native.decode(one, chain, threads=2), array, dtype)
