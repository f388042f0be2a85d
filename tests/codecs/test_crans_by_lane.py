"""Models of crans with a predictor for each lane: the kernels of every instruction set do as the reference does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from codec_cases import array_of, needs_library, same_bits
from crans_models import drawn_maps, drawn_model, drawn_shape

from fmpass.codecs import container, grid, native
from fmpass.codecs.chain import Chain
from fmpass.codecs.coders.crans import Crans, layout
from fmpass.codecs.coders.crans.model import Model
from fmpass.codecs.header import MAX_BLOCK_WORDS, read
from fmpass.codecs.stage import Tile
from fmpass.dtypes import by_name, of_array
from fmpass.errors import PayloadError, UsageError

CRANS = Chain.parse("crans")
FROZEN = json.loads((Path(__file__).parent.parent / "golden/crans_by_lane.json").read_text())
DRAWN = [
    (seed, channels, dtype)
    for seed, (channels, dtype) in enumerate(
        [(c, d) for c in (1, 3, 16, 17, 33, 65, 130, 300) for d in ("uint8", "int8", "int16")] + [(20, "float32")]
    )
]


@pytest.fixture(autouse=True)
def level_as_before() -> Iterator[None]:
    before = native.simd_level() if native.available() else None
    yield
    if before is not None:
        native.set_simd_level(before)


def coded_by_all(array: np.ndarray, model: bytes) -> bool:
    """Whether some block is coded, once all implementations wrote and read the same."""
    payload, dtype = container.encode(CRANS, array, resident=model), of_array(array)
    assert same_bits(container.decode(payload, CRANS, resident=model), array, dtype)
    for level in native.simd_levels():
        native.set_simd_level(level)
        assert native.encode(CRANS, array, resident=model) == payload, level
        assert same_bits(native.decode(payload, CRANS, resident=model), array, dtype), level
    return not read(payload).raw.all()


@needs_library
def test_every_kernel_does_as_the_reference():
    coded = 0
    for seed, channels, dtype in DRAWN:
        model = drawn_model(seed, channels, np.dtype(dtype).itemsize)
        assert Model.from_bytes(model.to_bytes()).to_bytes() == model.to_bytes()
        coded += coded_by_all(drawn_maps(seed, drawn_shape(seed, channels), dtype), model.to_bytes())
    assert 2 * coded > len(DRAWN), "most of the drawn maps went raw, so that nothing was compared"


def outcome(engine: ModuleType, array: np.ndarray, model: bytes) -> bytes:
    try:
        payload = engine.encode(CRANS, array, resident=model)
    except (PayloadError, UsageError):
        return b"refused"
    assert (engine.decode(payload, CRANS, resident=model) == array).all()
    return payload


@needs_library
def test_damaged_models_are_refused_alike():
    rng = np.random.default_rng(3)
    array = drawn_maps(1, drawn_shape(1, 20), "uint8")
    for i in range(400):
        model = bytearray(drawn_model(i % 7, 20, 1).to_bytes())
        at = int(rng.integers(64 if i % 2 else len(model)))
        if i % 5:
            model[at] ^= 1 << int(rng.integers(8))
        else:
            del model[at:]
        outcomes = [outcome(container, array, bytes(model))]
        for level in native.simd_levels():
            native.set_simd_level(level)
            outcomes.append(outcome(native, array, bytes(model)))
        assert len(set(outcomes)) == 1, i


@pytest.mark.parametrize("case", FROZEN, ids=[case["name"] for case in FROZEN])
def test_frozen_payloads_decode_and_are_still_written(case):
    dtype, payload = by_name(case["dtype"]), bytes.fromhex(case["payload"])
    array = array_of(bytes.fromhex(case["restored"]), dtype, tuple(case["shape"]))
    assert not read(payload).raw.any()
    for engine in (container, *([native] if native.available() else [])):
        assert same_bits(engine.decode(payload), array, dtype)
        assert engine.encode(CRANS, array, None, True, bytes.fromhex(case["model"])) == payload


def test_tiles_of_few_channels_stay_within_the_steps_of_a_tile():
    model = Model(0, 1, ())
    for shape in ((1, 1, 3000, 3000), (1, 17, 1 << 20, 1), (1, 33, 1 << 19, 1), (1, 1, 1, 1 << 24), (1, 2, 4096, 4096)):
        extent = grid.choose_extent(shape, Crans(), MAX_BLOCK_WORDS)
        assert layout.fits(model, Tile(0, extent)), (shape, extent)
