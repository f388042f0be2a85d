"""Generated feeds, iterables, readers and functions."""

from __future__ import annotations

from collections.abc import Iterator
from operator import length_hint
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from fmpass.data import DataOptions, InputSpec, open_data
from fmpass.dtypes import DTYPES
from fmpass.errors import UsageError

X = InputSpec("x", "float32", ("N", 3))


def test_random_is_seeded_and_in_the_models_shape() -> None:
    spec = [InputSpec("x", "float32", ("N", 3, "H", None)), InputSpec("m", "bool", ("N",)), InputSpec("k", "int64", ())]
    samples = open_data("random:3", spec, DataOptions(dims={"H": 7}))
    first, second = list(samples), list(samples)
    assert len(samples) == 3
    for a, b in zip(first, second, strict=True):
        assert a["x"].shape == (1, 3, 7, 1)
        assert a["m"].dtype == np.bool_
        assert a["k"].shape == () and int(a["k"]) in (0, 1)
        assert all(a[n].tobytes() == b[n].tobytes() for n in a)
    assert first[0]["x"].tobytes() != first[1]["x"].tobytes()
    assert next(iter(open_data("random:1", spec, DataOptions(batch=4))))["x"].shape == (4, 3, 1, 1)
    other = next(iter(open_data("random:1", spec, DataOptions(dims={"H": 7}, seed=1))))
    assert other["x"].tobytes() != first[0]["x"].tobytes()


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_random_of_every_type(dtype: object) -> None:
    (feed,) = open_data("random:1", [InputSpec("x", dtype.name, (64,))])  # type: ignore[attr-defined]
    assert feed["x"].dtype == dtype.numpy  # type: ignore[attr-defined]
    assert len(set(feed["x"].astype(np.float64).tolist())) > 1


def test_random_mistakes() -> None:
    with pytest.raises(UsageError, match=r"FM036.*--dim M=2.*there are: N"):
        open_data("random:1", [X], DataOptions(dims={"M": 2}))
    with pytest.raises(UsageError, match=r"FM036.*negative"):
        open_data("random:1", [X], DataOptions(dims={"N": -2}))
    with pytest.raises(UsageError, match=r"FM035.*seq"):
        open_data("random:1", [InputSpec("q", "seq(tensor(float))", None)])
    with pytest.raises(UsageError, match=r"FM036.*--batch"):
        open_data("random:1", [X], DataOptions(batch=0))


def feeds(count: int) -> Iterator[dict[str, np.ndarray]]:
    for i in range(count):
        yield {"x": np.full((1, 3), i, np.float32)}


def values(samples: object) -> list[float]:
    return [float(f["x"][0, 0]) for f in samples]  # type: ignore[attr-defined]


def test_lists_and_functions_are_gone_through_again() -> None:
    samples = open_data(list(feeds(3)), [X])
    assert len(samples) == 3
    assert values(samples) == values(samples) == [0, 1, 2]
    samples = open_data(lambda: feeds(2), [X])
    assert samples.count is None and length_hint(samples) == 0 and samples
    assert values(samples) == values(samples) == [0, 1]
    with pytest.raises(TypeError, match="not known"):
        len(samples)
    assert values(samples.take(1)) == [0]


def test_a_generator_gives_one_pass_and_says_so() -> None:
    samples = open_data(feeds(2), [X])
    assert values(samples) == [0, 1]
    with pytest.raises(UsageError, match=r"FM037.*only once"):
        list(samples)


class Reader:
    """As onnxruntime's CalibrationDataReader: get_next until None."""

    def __init__(self) -> None:
        self.rest = list(feeds(2))

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.rest.pop(0) if self.rest else None


class RewindingReader(Reader):
    def rewind(self) -> None:
        self.rest = list(feeds(2))


def test_calibration_readers() -> None:
    samples = open_data(RewindingReader(), [X])
    assert values(samples) == values(samples) == [0, 1]
    samples = open_data(Reader(), [X])
    assert values(samples) == [0, 1]
    with pytest.raises(UsageError, match=r"FM037.*rewind"):
        list(samples)


def test_a_subclass_of_onnxruntimes_reader() -> None:
    calibrate = pytest.importorskip("onnxruntime.quantization.calibrate")

    class Mine(RewindingReader, calibrate.CalibrationDataReader):  # type: ignore[misc,name-defined]
        pass

    samples = open_data(Mine(), [X])
    assert values(samples) == values(samples) == [0, 1]


def test_feeds_are_checked_when_drawn() -> None:
    with pytest.raises(UsageError, match=r"FM031.*feed 0.*no input 'z'"):
        list(open_data([{"z": np.zeros((1, 3), np.float32)}], [X]))
    with pytest.raises(UsageError, match=r"FM031.*no array for input 'x'"):
        list(open_data([{}], [X]))
    with pytest.raises(UsageError, match=r"FM033.*int64"):
        list(open_data([{"x": [[1, 2, 3]]}], [X]))
    with pytest.raises(UsageError, match=r"FM037.*mapping"):
        list(open_data([np.zeros((1, 3), np.float32)], [X]))  # type: ignore[list-item]
    with pytest.raises(UsageError, match=r"FM037.*not iterable"):
        list(open_data(lambda: 3, [X]))  # type: ignore[arg-type,return-value]


def test_views_of_other_layouts_arrive_contiguous() -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4).T
    (feed,) = open_data([{"x": x}], [X])
    assert feed["x"].flags.c_contiguous
    np.testing.assert_array_equal(feed["x"], x)


def test_strings_and_sequences() -> None:
    spec = [InputSpec("t", "string", (None,)), InputSpec("q", "seq(tensor(float))", None)]
    (feed,) = open_data([{"t": np.array(["a", "b"]), "q": [np.zeros(2, np.float32)]}], spec)
    assert feed["t"].dtype == object
    assert isinstance(feed["q"], list)


def test_a_function_named_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_feeds_module.py").write_text(
        "import numpy as np\nvalue = 3\n"
        "def two():\n    for i in range(2):\n        yield {'x': np.full((1, 3), i, np.float32)}\n"
    )
    monkeypatch.chdir(tmp_path)
    samples = open_data("my_feeds_module:two", [X])
    assert values(samples) == values(samples) == [0, 1]
    assert samples.description == "my_feeds_module:two"
    with pytest.raises(UsageError, match=r"FM037.*did you mean 'two'"):
        open_data("my_feeds_module:tow", [X])
    with pytest.raises(UsageError, match=r"FM037.*not a function"):
        open_data("my_feeds_module:value", [X])
    with pytest.raises(UsageError, match=r"FM037.*no module 'no_such_module'"):
        open_data("no_such_module:f", [X])


def test_bfloat16_arrays_pass() -> None:
    (feed,) = open_data([{"x": np.ones((1, 3), ml_dtypes.bfloat16)}], [InputSpec("x", "bfloat16", (None, 3))])
    assert feed["x"].dtype == ml_dtypes.bfloat16
