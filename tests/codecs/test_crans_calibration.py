"""Calibrated models of crans: they are right on any tensor, and better than fitted ones on tensors like their own."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fmpass.codecs import container
from fmpass.codecs.calibrate import calibrate, calibrated
from fmpass.codecs.chain import Chain
from fmpass.codecs.coders.crans.census import census, price
from fmpass.codecs.coders.crans.known import Known, Predictors
from fmpass.codecs.coders.crans.levels import levels
from fmpass.codecs.coders.crans.model import Model
from fmpass.codecs.coders.crans.windows import cut, places
from fmpass.codecs.stage import Tile
from fmpass.dtypes import by_name
from fmpass.errors import UsageError

CRANS = Chain.parse("crans")
UINT8 = by_name("uint8")


def maps(seed: int, channels: int = 12, rows: int = 20, columns: int = 22) -> NDArray[np.uint8]:
    """Smooth maps that are mixtures of three, with little noise of their own: other channels tell most of a channel."""
    rng = np.random.default_rng(seed)
    base = rng.normal(0, 12, (3, rows, columns)).cumsum(axis=1).cumsum(axis=2) / 6 + rng.normal(
        0, 9, (3, rows, columns)
    )
    mixture = np.random.default_rng(0).normal(0, 0.6, (channels, 3))
    mixed = np.einsum("cb,byx->cyx", mixture, base) + rng.normal(0, 0.6, (channels, rows, columns)) + 100
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)[None]


def check(chain: Chain, array: NDArray[np.generic], model: bytes) -> int:
    """Bytes of a payload with a resident model, once it decodes to the same."""
    payload = container.encode(chain, array, None, False, model)
    restored = container.decode(payload, chain, None, model)
    assert restored.dtype == array.dtype and restored.tobytes() == array.tobytes()
    return len(payload)


@pytest.fixture(scope="module")
def model() -> bytes:
    return calibrate(CRANS, [maps(seed) for seed in range(1, 7)])


def test_a_model_survives_its_bytes(model: bytes):
    opened = Model.from_bytes(model)
    assert opened.to_bytes() == model
    assert opened.channels == 12 and opened.references.shape[1] == 4
    assert (opened.planes[0].weights[:, 8:] != 0).any(), "no channel has a reference"


def test_calibration_is_the_same_every_time(model: bytes):
    assert calibrate(CRANS, [maps(seed) for seed in range(1, 7)]) == model


def test_it_beats_a_fitted_model_on_other_tensors(model: bytes):
    array = maps(99)
    fitted = len(container.encode(CRANS, array)) - len(CRANS.coder.fit(array, UINT8))  # pyright: ignore
    assert check(CRANS, array, model) < 0.8 * fitted


def test_tensors_unlike_those_it_was_made_of(model: bytes):
    rng = np.random.default_rng(5)
    check(CRANS, rng.integers(0, 256, (1, 12, 20, 22), np.uint8), model)  # symbols it never saw
    check(CRANS, np.zeros((1, 12, 20, 22), np.uint8), model)
    check(CRANS, maps(7, rows=9, columns=31), model)
    sparse = maps(8)
    sparse[:, :, ::3] = 255
    check(CRANS, sparse, model)


def test_the_price_is_what_the_coder_takes(model: bytes):
    array, opened = maps(50), Model.from_bytes(model)
    ideal = price(opened, census(opened, [array], UINT8, places([array], 1, 0, None))) / 8
    coder = CRANS.coder
    code = coder.encode(array[0], Tile(0, array.shape[1:]), UINT8, coder.open(model, UINT8, 12))  # pyright: ignore
    assert ideal < len(code) < ideal + 1 + 4 * 12 + 20


@pytest.mark.parametrize(
    "shape",
    [
        (1, 5, 1, 1),
        (1, 1000, 1, 1),
        (1, 3, 1, 40),
        (1, 3, 40, 1),
        (1, 1, 3, 3),
        (7, 9),
        (2, 6, 5),
        (11,),
        (1, 70, 3, 4),
    ],
    ids=str,
)
def test_small_and_odd_shapes(shape: tuple[int, ...]):
    rng = np.random.default_rng(3)
    arrays = [rng.poisson(3, shape).astype(np.uint8) for _ in range(4)]
    chain, model = calibrated(CRANS, arrays[:3])
    check(chain, arrays[3], model)


def test_constant_and_single_tensors():
    constant = np.full((1, 4, 8, 8), 77, np.uint8)
    check(CRANS, constant, calibrate(CRANS, [constant]))
    check(CRANS, maps(1, 4, 8, 8), calibrate(CRANS, [constant]))
    check(CRANS, maps(2), calibrate(CRANS, [maps(1)]))


def test_maps_of_several_sizes():
    arrays = [maps(1), maps(2, rows=7), maps(3, columns=70), np.concatenate([maps(4), maps(5)])]
    check(CRANS, maps(6, rows=33), calibrate(CRANS, arrays))


def test_phases_where_even_and_odd_pixels_differ():
    def woven(seed: int) -> NDArray[np.uint8]:
        quarters = [maps(10 * seed + i, 4, 24, 24)[0] // 2 + 60 * (i % 2) for i in range(4)]
        array = np.empty((1, 4, 47, 48), np.uint8)
        for i, quarter in enumerate(quarters):
            place = array[0, :, i // 2 :: 2, i % 2 :: 2]
            place[:] = quarter[:, : place.shape[1]]
        return array

    model = calibrate(CRANS, [woven(seed) for seed in range(4)])
    assert Model.from_bytes(model).phases == 2
    check(CRANS, woven(9), model)


def test_an_order_brings_channels_together():
    def interleaved(seed: int) -> NDArray[np.uint8]:
        array = np.empty((1, 66, 12, 12), np.uint8)
        for i in range(2):
            array[0, i::2] = maps(2 * seed + i, 33, 12, 12)
        return array

    model = calibrate(CRANS, [interleaved(seed) for seed in range(1, 5)])
    order = Model.from_bytes(model).order
    assert order is not None and sorted(order.tolist()) == list(range(66))
    check(CRANS, interleaved(9), model)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float32"])
def test_wide_and_signed_words(dtype: str):
    arrays = [(maps(seed, 5).astype(np.float64) * 1.37 - 120).astype(dtype) for seed in range(5)]
    model = calibrate(CRANS, arrays[:4])
    assert len(Model.from_bytes(model).planes) == arrays[0].dtype.itemsize
    assert check(CRANS, arrays[4], model) < arrays[4].nbytes


def test_tokens_are_seen_with_their_features_as_channels():
    rng = np.random.default_rng(1)
    profile = rng.integers(0, 200, 24)
    arrays = [np.clip(profile + rng.normal(0, 2, (1, 60, 24)), 0, 255).astype(np.uint8) for _ in range(5)]
    chain, model = calibrated(CRANS, arrays[:4])
    assert str(chain) == "crans{axis=-1}"
    check(chain, arrays[4], model)


def test_coders_without_a_model_stay_as_they_are():
    chain = Chain.parse("zvc")
    assert calibrate(chain, [maps(1)]) == b""
    assert calibrated(chain, [maps(1)]) == (chain, b"")
    assert calibrate(CRANS, []) == b""


def test_arrays_must_be_of_one_edge():
    with pytest.raises(UsageError, match="channels"):
        calibrate(CRANS, [maps(1), maps(1, 5)])
    with pytest.raises(UsageError, match="types"):
        calibrate(CRANS, [maps(1), maps(1).astype(np.int8)])


def test_levels_look_one_or_two_up():
    rng = np.random.default_rng(2)
    found = levels(rng.random((20, 20)), rng)[0]
    assert found.min() >= 0 and found.max() <= 7
    assert levels(np.zeros((1, 1)), rng).tolist() == [[0]]


def test_an_error_beside_the_map_is_none():
    array = maps(1, 2, 6, 6)
    where = places([array], 1, 0, None)
    windows = cut([array], where, np.arange(2), 1, UINT8).plane(0, 0)
    none = np.zeros((2, 0), np.int64)
    known = Known(windows, Predictors(np.zeros((2, 8), np.int64), np.full(2, 9 << 12), none, np.zeros(2, np.int64)))
    error = known.error.reshape(-1)
    assert int(error.sum()) == int(np.abs(array.astype(np.int64) - 9).sum())
