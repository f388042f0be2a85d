"""Feeds from .npz and .npy files: rows, single feeds, numbered feeds, labels, streaming, mistakes."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from fmpass.data import DataOptions, InputSpec, open_data
from fmpass.errors import UsageError

IMAGE = InputSpec("x", "float32", ("N", 3, 4, 4))
STATE = InputSpec("s", "float32", (2, "N", 8))


def rows(count: int, *shape: int) -> np.ndarray:
    return np.arange(count * int(np.prod(shape)), dtype=np.float32).reshape(count, *shape)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("batch", [1, 2, 5, 7])
def test_rows_are_samples_in_batches(tmp_path: Path, save: object, batch: int) -> None:
    x, y = rows(5, 3, 4, 4), np.arange(5)
    save(tmp_path / "d.npz", x=x, y=y)  # type: ignore[operator]
    samples = open_data(tmp_path / "d.npz", [IMAGE], DataOptions(batch=batch))
    feeds = list(samples)
    assert len(samples) == len(feeds) == -(-5 // batch)
    assert samples.rows == 5
    assert [len(f["x"]) for f in feeds[:-1]] == [batch] * (len(feeds) - 1)
    np.testing.assert_array_equal(np.concatenate([f["x"] for f in feeds]), x)
    np.testing.assert_array_equal(samples.labels, y)
    np.testing.assert_array_equal(next(iter(samples))["x"], x[:batch])  # a second pass begins anew


def test_fortran_order_rows(tmp_path: Path) -> None:
    x = rows(5, 3, 4, 4)
    np.savez(tmp_path / "d.npz", x=np.asfortranarray(x))
    feeds = list(open_data(tmp_path / "d.npz", [IMAGE], DataOptions(batch=2)))
    np.testing.assert_array_equal(np.concatenate([f["x"] for f in feeds]), x)


def test_an_input_without_batch_axis_makes_one_feed(tmp_path: Path) -> None:
    spec = [InputSpec("input", "float32", ("N", "T")), STATE, InputSpec("sr", "int64", ())]
    arrays = {"input": rows(1, 576), "s": rows(2, 1, 8), "sr": np.array(16000)}
    np.savez(tmp_path / "d.npz", **arrays)
    (feed,) = open_data(tmp_path / "d.npz", spec)
    for name, array in arrays.items():
        np.testing.assert_array_equal(feed[name], array)
        assert feed[name].shape == array.shape
    with pytest.raises(UsageError, match="FM036"):
        open_data(tmp_path / "d.npz", spec, DataOptions(batch=2))


def test_state_of_fixed_one_beside_an_open_axis(tmp_path: Path) -> None:
    spec = [InputSpec("frames", "float32", ("T", 4)), InputSpec("state", "float32", (1, 2))]
    np.savez(tmp_path / "d.npz", frames=rows(12, 4), state=rows(1, 2))
    (feed,) = open_data(tmp_path / "d.npz", spec)
    assert feed["frames"].shape == (12, 4)
    np.savez(tmp_path / "d.npz", frames=rows(12, 4), state=rows(12, 2))
    assert [f["state"].shape for f in open_data(tmp_path / "d.npz", spec)] == [(1, 2)] * 12


def test_fixed_batches(tmp_path: Path) -> None:
    spec = [InputSpec("x", "float32", (4, 3))]
    np.save(tmp_path / "d.npy", rows(8, 3))
    assert [f["x"].shape for f in open_data(tmp_path / "d.npy", spec)] == [(4, 3)] * 2
    with pytest.raises(UsageError, match=r"FM036.*fixed at 4"):
        open_data(tmp_path / "d.npy", spec, DataOptions(batch=2))
    np.save(tmp_path / "d.npy", rows(9, 3))
    with pytest.raises(UsageError, match=r"FM032.*9 rows"):
        open_data(tmp_path / "d.npy", spec)


def test_numbered_feeds_of_different_shapes(tmp_path: Path) -> None:
    spec = [InputSpec("t/x", "float32", ("N", "T"))]
    np.savez(tmp_path / "d.npz", **{"t/x/0": rows(1, 5), "t/x/1": rows(1, 9), "labels": np.array([3, 4])})
    samples = open_data(tmp_path / "d.npz", spec)
    assert [f["t/x"].shape for f in samples] == [(1, 5), (1, 9)]
    assert samples.labels is not None
    assert samples.labels.tolist() == [3, 4]


@pytest.mark.parametrize("keys", [["x/0", "x/2"], ["x/0", "z/0"], ["x/0", "x/b"], ["x/1"]])
def test_numbered_feeds_with_gaps_or_strangers(tmp_path: Path, keys: list[str]) -> None:
    np.savez(tmp_path / "d.npz", **{key: rows(1, 3, 4, 4) for key in keys})
    with pytest.raises(UsageError, match="FM031"):
        open_data(tmp_path / "d.npz", [IMAGE])


def test_types_that_npz_stores_without_their_name(tmp_path: Path) -> None:
    spec = [InputSpec("x", "bfloat16", ("N", 2))]
    x = np.array([[1.5, -2.0], [0.0, 3.0]], ml_dtypes.bfloat16)
    np.savez(tmp_path / "d.npz", x=x)
    feeds = list(open_data(tmp_path / "d.npz", spec))
    assert feeds[1]["x"].dtype == ml_dtypes.bfloat16
    assert np.concatenate([f["x"] for f in feeds]).tobytes() == x.tobytes()


def test_mistakes_name_what_was_meant(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", imput=rows(1, 3, 4, 4))
    spec = [InputSpec("input", "float32", ("N", 3, 4, 4))]
    with pytest.raises(UsageError, match=r"FM031.*'imput'.*did you mean 'input'"):
        open_data(tmp_path / "d.npz", spec)
    np.savez(tmp_path / "d.npz", y=np.arange(3))
    with pytest.raises(UsageError, match=r"FM031.*no array for input 'input'"):
        open_data(tmp_path / "d.npz", spec)
    np.savez(tmp_path / "d.npz", input=rows(1, 4, 4, 3))
    with pytest.raises(UsageError, match=r"FM032.*float32\[N, 3, 4, 4\].*\[1, 4, 4, 3\]"):
        list(open_data(tmp_path / "d.npz", spec))
    np.savez(tmp_path / "d.npz", input=rows(1, 3, 4, 4).astype(np.float64))
    with pytest.raises(UsageError, match=r"FM033.*float64.*astype"):
        list(open_data(tmp_path / "d.npz", spec))
    (tmp_path / "d.npz").write_bytes(b"PK not really")
    with pytest.raises(UsageError, match=r"FM030.*d\.npz"):
        open_data(tmp_path / "d.npz", spec)
    with pytest.raises(UsageError, match=r"FM030.*random:N"):
        open_data("missing.npz", spec)
    np.save(tmp_path / "d.npy", rows(1, 3, 4, 4))
    with pytest.raises(UsageError, match=r"FM031.*2 inputs"):
        open_data(tmp_path / "d.npy", [IMAGE, STATE])


def test_an_input_called_y_is_an_input(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", y=rows(2, 3), labels=np.array([0, 1]))
    samples = open_data(tmp_path / "d.npz", [InputSpec("y", "float32", ("N", 3))])
    assert samples.labels is not None
    assert [f["y"].shape for f in samples] == [(1, 3)] * 2


def test_truncated_member(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=rows(64, 3, 4, 4))
    data = (tmp_path / "d.npz").read_bytes()
    (tmp_path / "d.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(UsageError, match="FM030"):
        list(open_data(tmp_path / "d.npz", [IMAGE]))


@pytest.mark.parametrize("name", ["d.npz", "d.npy"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, name: str) -> None:
    x = np.zeros((2000, 3, 64, 64), np.float32)
    (np.savez if name == "d.npz" else np.save)(tmp_path / name, **{"x": x} if name == "d.npz" else {"arr": x})
    spec = [InputSpec("x", "float32", ("N", 3, 64, 64))]
    del x
    tracemalloc.start()
    count = sum(1 for _ in open_data(tmp_path / name, spec))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 2000
    assert peak < 4 << 20  # the file holds 94 MiB
