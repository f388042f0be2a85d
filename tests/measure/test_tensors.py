"""Equality of bytes and distance of numbers."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

from fmpass.dtypes import DTYPES
from fmpass.measure.tensors import Distance, from_array, same

NAN, INF = np.float32("nan"), np.float32("inf")


def tensor(*values: float) -> object:
    return from_array(np.array(values, np.float32))


def test_same_is_about_bytes() -> None:
    assert same(tensor(1, NAN, -0.0), tensor(1, NAN, -0.0))
    assert not same(tensor(0.0), tensor(-0.0))
    quiet, loud = np.array([0x7FC00000, 0x7FC00001], np.uint32).view(np.float32)
    assert not same(tensor(quiet), tensor(loud))
    assert not same(tensor(1, 2), from_array(np.array([[1, 2]], np.float32)))
    assert not same(tensor(1), from_array(np.array([1], np.int32)))


def test_same_goes_into_sequences_maps_and_optionals() -> None:
    a = [{"k": np.array([1.0, np.nan])}, None, "text", 3, (tensor(1),)]
    b = [{"k": np.array([1.0, np.nan])}, None, "text", 3, (tensor(1),)]
    assert same(a, b)
    for place, other in ((0, {"k": np.array([1.0, 2.0])}), (1, 0), (2, "texts"), (3, 4), (4, (tensor(2),))):
        changed = list(b)
        changed[place] = other
        assert not same(a, changed)
    assert not same(a, b[:-1])
    assert not same(np.array(["a", "b"], object), np.array(["a", "c"], object))
    assert same(np.array(["a", "b"], object), np.array(["a", "b"], object))
    assert not same(0.0, -0.0)
    assert not same(1, True)


def distance(reference: object, value: object) -> Distance:
    found = Distance()
    found.add(reference, value)
    return found


def test_distance_of_numbers() -> None:
    found = distance(tensor(3, 4), tensor(3, 4.5))
    assert not found.exact
    assert found.max_abs == 0.5
    assert found.snr_db == pytest.approx(10 * math.log10(25 / 0.25), rel=1e-12)
    found = distance(tensor(3, 4), tensor(3, 4))
    assert (found.exact, found.max_abs, found.snr_db) == (True, 0.0, None)
    found = distance(tensor(0.0), tensor(-0.0))
    assert (found.exact, found.max_abs, found.snr_db) == (False, 0.0, None)


def test_distance_adds_up_over_feeds() -> None:
    found = distance(tensor(3), tensor(4))
    found.add(tensor(4), tensor(4))
    assert not found.exact
    assert found.max_abs == 1
    assert found.snr_db == pytest.approx(10 * math.log10(25), rel=1e-12)


def test_leaving_the_numbers_is_an_infinite_error() -> None:
    assert distance(tensor(NAN, 1), tensor(NAN, 2)).max_abs == 1
    assert distance(tensor(INF, 1), tensor(INF, 1.5)).max_abs == 0.5
    for a, b in ((NAN, 1), (1, NAN), (INF, 1), (INF, -INF)):
        found = distance(tensor(a), tensor(b))
        assert found.max_abs == math.inf
        assert found.snr_db == -math.inf
    assert distance(tensor(1), tensor(1, 2)).max_abs == math.inf
    assert distance(["a"], ["b"]).max_abs == math.inf
    assert distance([tensor(1)], [tensor(1), tensor(1)]).max_abs == math.inf


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_every_element_type(dtype: object) -> None:
    values = np.array([0, 1, 1, 0, 1], np.float32).astype(dtype.numpy)  # type: ignore[attr-defined]
    found = from_array(values)
    assert found.dtype is dtype
    assert found.elements == 5
    assert found.numbers().tolist() == [0, 1, 1, 0, 1]
    other = values.copy()
    other[3] = np.float32(1).astype(dtype.numpy)  # type: ignore[attr-defined]
    assert distance(found, from_array(other)).max_abs == 1


def test_bfloat16_numbers() -> None:
    assert from_array(np.array([1.5, -2], ml_dtypes.bfloat16)).numbers().tolist() == [1.5, -2]
