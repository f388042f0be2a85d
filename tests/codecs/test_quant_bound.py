"""The bound that `quant` declares holds, is not slack, and what must be exact is exact."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from codec_cases import TRANSFORMS, thorough
from hypothesis import given
from hypothesis import strategies as st

from fmpass.codecs.transforms.quant import Quant
from fmpass.codecs.transforms.quant.side import ENTRY_NBYTES
from fmpass.dtypes import DType, by_name
from fmpass.errors import PayloadError

QUANTS = [stage for stage in TRANSFORMS if isinstance(stage, Quant)]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTEGERS = ["int8", "uint8", "int16", "uint16"]


def restore(quant: Quant, array: np.ndarray, dtype: DType) -> tuple[np.ndarray, bytes]:
    levels, side = quant.forward(array)
    assert levels.dtype == quant.output_dtype(dtype).numpy
    assert levels.shape == array.shape
    assert len(side) == quant.side_nbytes(dtype, array.shape)
    return quant.inverse(levels, side, dtype), side


def excess(quant: Quant, array: np.ndarray, dtype: DType, tighten: float = 1.0) -> float:
    """The largest error beyond the bound among the values that it is declared for; negative where it holds."""
    restored, side = restore(quant, array, dtype)
    assert restored.dtype == array.dtype
    x, y = array.astype(np.longdouble), restored.astype(np.longdouble)
    inside = np.isfinite(x)
    if quant.step:
        low, high = quant.covers(side, dtype, array.shape)
        inside &= (x >= low) & (x <= high)
    bound = quant.bound(side, dtype, array.shape)
    allowed = np.broadcast_to(bound.absolute * tighten + bound.relative * np.abs(x), x.shape)
    return float((np.abs(np.where(inside, x, 0) - np.where(inside, y, 0)) - allowed)[inside].max(initial=-1.0))


def magnitudes(dtype: DType) -> st.SearchStrategy[float]:
    top = {"float16": 65504.0, "bfloat16": 3.38e38, "float32": 3.4e38, "float64": 1.79e308}[dtype.name]
    near = st.floats(-8, 8)
    return st.one_of(
        near, st.floats(-top, top), st.floats(-1e-30, 1e-30), st.sampled_from([math.nan, math.inf, -math.inf])
    )


@st.composite
def float_tensors(draw: st.DrawFn, dtype: DType) -> np.ndarray:
    shape = draw(st.sampled_from([(3, 4), (1, 5), (2, 3, 4), (4,), (0, 2), (2, 0)]))
    pool = draw(st.lists(magnitudes(dtype), min_size=1, max_size=24))
    values = np.resize(np.array(pool), shape)
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(dtype.numpy)


@st.composite
def integer_tensors(draw: st.DrawFn, dtype: DType) -> np.ndarray:
    limits = np.iinfo(dtype.name)
    pool = draw(st.lists(st.integers(limits.min, limits.max), min_size=1, max_size=24))
    return np.resize(np.array(pool), draw(st.sampled_from([(3, 4), (24,), (2, 3, 4), (0, 3)]))).astype(dtype.numpy)


@pytest.mark.parametrize("name", FLOATS + INTEGERS)
@pytest.mark.parametrize("quant", QUANTS, ids=lambda q: str(q)[5:])
@thorough
@given(st.data())
def test_the_bound_holds(quant, name, data):
    dtype = by_name(name)
    array = data.draw(float_tensors(dtype) if dtype.kind == "float" else integer_tensors(dtype))
    if quant.rejects(dtype, array.ndim) is None:
        assert excess(quant, array, dtype) <= 0


@st.composite
def any_quant(draw: st.DrawFn) -> Quant:
    bits = draw(st.integers(2, 16))
    return Quant(
        bits=bits,
        step=draw(st.one_of(st.just(0.0), st.floats(1e-300, 1e300), st.floats(1e-3, 10))),
        zero_point=draw(st.integers(0, (1 << bits) - 1) | st.integers(-200, 200)),
        signed=draw(st.booleans()),
        dead_zone=draw(st.sampled_from([0.0, 0.5]) | st.floats(0, 0.5)),
        axis=draw(st.sampled_from([None, 0, -1, 1])),
    )


@pytest.mark.parametrize("name", FLOATS + INTEGERS)
@thorough
@given(any_quant(), st.data())
def test_the_bound_holds_for_any_parameters(name, quant, data):
    dtype = by_name(name)
    array = data.draw(float_tensors(dtype) if dtype.kind == "float" else integer_tensors(dtype))
    if quant.rejects(dtype, array.ndim) is None:
        assert excess(quant, array, dtype) <= 0


@pytest.mark.parametrize("dead_zone", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_the_bound_is_reached(name, signed, dead_zone):
    quant = Quant(bits=8, step=0.25, signed=signed, dead_zone=dead_zone)
    dtype = by_name(name)
    worst = ((np.arange(60) + 0.5 + dead_zone) * 0.25 * (1 - 1e-6)).astype(dtype.numpy)
    assert excess(quant, worst, dtype) <= 0
    assert excess(quant, worst, dtype, tighten=0.99) > 0


def test_the_bound_of_integers_is_reached():
    quant, dtype = Quant(bits=8, step=3.0), by_name("int16")
    values = np.arange(-300, 300, dtype=np.int16)
    assert excess(quant, values, dtype) <= 0
    assert excess(quant, values, dtype, tighten=0.4) > 0


@pytest.mark.parametrize("quant", [q for q in QUANTS if not q.rejects(by_name("float32"), 2)], ids=lambda q: str(q)[5:])
@pytest.mark.parametrize("name", FLOATS)
def test_zero_stays_exact_and_positive(quant, name):
    dtype = by_name(name)
    array = np.array([[0.0, -0.0, 3.5, -1.25], [0.0, 7.0, -0.0, 0.5]], dtype.numpy)
    levels, _ = quant.forward(array)
    assert (levels[array == 0] == 0).all()
    restored, _ = restore(quant, array, dtype)
    zeros = restored[array == 0].astype(np.float64)
    assert (zeros == 0).all()
    assert not np.signbit(zeros).any()


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("signed", [True, False])
def test_the_zero_point_of_integers_stays_exact(name, signed):
    dtype = by_name(name)
    array = np.array([5, 100, 5, 3, 77], dtype.numpy)
    quant = Quant(bits=6, zero_point=5, signed=signed)
    levels, _ = quant.forward(array)
    assert (levels[array == 5] == 0).all()
    restored, _ = restore(quant, array, dtype)
    assert (restored[array == 5] == 5).all()


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("signed", [True, False])
def test_integers_of_full_width_pass_exactly(name, signed):
    dtype = by_name(name)
    limits = np.iinfo(name)
    every = np.arange(limits.min, limits.max + 1).astype(dtype.numpy)
    for zero_point in (limits.min, 0, 7, limits.max):
        quant = Quant(bits=dtype.bits, step=1.0, zero_point=zero_point, signed=signed)
        assert quant.lossless(dtype)
        restored, side = restore(quant, every, dtype)
        assert side == b""
        assert (restored == every).all()
        assert (quant.forward(every)[0][every == zero_point] == 0).all()


def test_values_beyond_the_levels_clip_and_nan_is_zero():
    quant, dtype = Quant(bits=4, step=0.5), by_name("float32")
    array = np.array([100, -100, np.inf, -np.inf, np.nan, 3.4], np.float32)
    assert restore(quant, array, dtype)[0].tolist() == [3.5, -3.5, 3.5, -3.5, 0.0, 3.5]
    unsigned = Quant(bits=4, step=0.5, signed=False, zero_point=2)
    assert restore(unsigned, array, dtype)[0].tolist() == [6.5, -1.0, 6.5, -1.0, 0.0, 3.5]


def test_rounding_is_away_from_zero_at_the_half_and_down_in_the_dead_zone():
    array = np.array([0.5, -0.5, 1.5, 2.5, 0.4999, -0.9], np.float32)
    assert Quant(step=1.0).forward(array)[0].tolist() == [1, -1, 2, 3, 0, -1]
    assert Quant(step=1.0, dead_zone=0.5).forward(array)[0].tolist() == [0, 0, 1, 2, 0, 0]


def test_side_data_is_one_entry_a_channel_little_endian():
    array = np.array([[1.0, -2.54], [0.0, 0.0], [np.nan, 12.7]], np.float32)
    _, side = Quant(axis=0).forward(array)
    entries = np.frombuffer(side, [("step", "<f8"), ("zero_point", "<i4")])
    assert entries["step"].tolist() == [np.float64(np.float32(2.54)) / 127, 1.0, np.float64(np.float32(12.7)) / 127]
    assert entries["zero_point"].tolist() == [0, 0, 0]
    _, side = Quant(signed=False, axis=-1).forward(np.array([[-1.0, 3.0], [1.54, 0.0]]))
    entries = np.frombuffer(side, [("step", "<f8"), ("zero_point", "<i4")])
    assert entries["step"].tolist() == [2.54 / 254, 3.0 / 254]
    assert entries["zero_point"].tolist() == [100, 0]


@pytest.mark.parametrize("signed", [True, False])
def test_the_whole_range_of_doubles_has_a_step(signed):
    dtype = by_name("float64")
    top = np.finfo(np.float64).max
    array = np.array([top, -top, 0.0, top / 3])
    restored, side = restore(Quant(signed=signed), array, dtype)
    assert np.isfinite(np.frombuffer(side[:8])).all()
    assert np.isfinite(restored).all()
    assert excess(Quant(signed=signed), array, dtype) <= 0


def test_empty_tensors_and_channels_have_their_side_data():
    assert restore(Quant(), np.zeros((0, 3), np.float32), by_name("float32"))[1] == np.float64(1).tobytes() + bytes(4)
    assert restore(Quant(axis=0), np.zeros((0, 3), np.float32), by_name("float32"))[1] == b""
    assert len(restore(Quant(axis=1), np.zeros((0, 3), np.float32), by_name("float32"))[1]) == 3 * ENTRY_NBYTES


@pytest.mark.parametrize("step", [0.0, -1.0, math.inf, -math.inf, math.nan])
def test_a_decoder_rejects_steps_that_cannot_be(step):
    side = np.float64(step).tobytes() + bytes(4)
    with pytest.raises(PayloadError, match="FM308"):
        Quant().inverse(np.zeros(3, np.int8), side, by_name("float32"))


@pytest.mark.parametrize(("zero_point", "signed"), [(-1, False), (256, False), (1, True), (-(2**31), False)])
def test_a_decoder_rejects_zero_points_that_cannot_be(zero_point, signed):
    side = np.float64(1).tobytes() + np.int32(zero_point).tobytes()
    with pytest.raises(PayloadError, match="FM308"):
        Quant(signed=signed).inverse(np.zeros(3, "i1" if signed else "u1"), side, by_name("float32"))


def test_restored_values_stay_finite_in_narrow_types():
    quant = Quant(step=60000.0)
    assert quant.inverse(np.array([2], np.int8), b"", by_name("float16")).tolist() == [65504.0]
    huge = Quant(step=1e38).inverse(np.array([127], np.int8), b"", by_name("bfloat16"))
    assert huge.astype(np.float32)[0] == np.float32(ml_dtypes.finfo(ml_dtypes.bfloat16).max)
