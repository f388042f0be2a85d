"""Folders of pictures: geometry, layout, normalisation, labels, mistakes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from fmpass.data import DataOptions, InputSpec, Samples, open_data
from fmpass.errors import EnvironmentFailure, UsageError

Image = pytest.importorskip("PIL.Image")

NCHW = InputSpec("x", "float32", ("N", 3, 4, 6))


def save(path: Path, height: int, width: int, colour: tuple[int, int, int] = (10, 20, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), colour, np.uint8)).save(path)


def load(folder: Path, toml: str, spec: InputSpec = NCHW, batch: int = 1) -> Samples:
    settings = folder.parent / "pre.toml"
    settings.write_text(toml)
    return open_data(folder, [spec], DataOptions(batch=batch, preprocess=settings))


def test_channels_scale_mean_std(tmp_path: Path) -> None:
    save(tmp_path / "i" / "a.png", 4, 6)
    (feed,) = load(tmp_path / "i", "")
    assert feed["x"].shape == (1, 3, 4, 6)
    assert feed["x"][0, :, 0, 0].tolist() == [10, 20, 30]
    (feed,) = load(tmp_path / "i", 'channels = "BGR"\nmean = [1, 2, 3]\nstd = 2.0\nscale = 2.0')
    assert feed["x"][0, :, 3, 5].tolist() == [29.5, 19.0, 8.5]
    spec = InputSpec("x", "uint8", ("N", 4, 6, 3))
    (feed,) = load(tmp_path / "i", 'layout = "NHWC"\nscale = 0.25', spec)
    assert feed["x"].dtype == np.uint8
    assert feed["x"][0, 2, 2].tolist() == [2, 5, 8]  # 2.5 to even, 7.5 to even
    (feed,) = load(tmp_path / "i", 'channels = "GRAY"', InputSpec("x", "float32", ("N", 1, 4, 6)))
    assert feed["x"].shape == (1, 1, 4, 6)


def test_letterbox_keeps_the_aspect(tmp_path: Path) -> None:
    save(tmp_path / "i" / "a.png", 4, 4, (200, 200, 200))
    (feed,) = load(tmp_path / "i", 'letterbox = 114\nanchor = "top-left"')
    assert (feed["x"][0, 0, :, :4] == 200).all()
    assert (feed["x"][0, 0, :, 4:] == 114).all()
    (feed,) = load(tmp_path / "i", "letterbox = 114")
    assert feed["x"][0, 0, 0].tolist() == [114, 200, 200, 200, 200, 114]


def test_short_side_then_centre_crop(tmp_path: Path) -> None:
    picture = np.zeros((8, 24, 3), np.uint8)
    picture[:, 12:] = 255
    (tmp_path / "i").mkdir()
    Image.fromarray(picture).save(tmp_path / "i" / "a.png")
    (feed,) = load(tmp_path / "i", 'resize = 4\ncrop = "center"\nfilter = "nearest"')
    assert feed["x"].shape == (1, 3, 4, 6)
    assert feed["x"][0, 0, 0].tolist() == [0, 0, 0, 255, 255, 255]


def test_stretch_and_edge_padding_of_an_open_size(tmp_path: Path) -> None:
    save(tmp_path / "i" / "a.png", 5, 9)
    spec = InputSpec("x", "float32", ("N", 3, "H", "W"))
    (feed,) = load(tmp_path / "i", "pad = 2", spec)
    assert feed["x"].shape == (1, 3, 9, 13)
    assert (feed["x"][0, 2] == 30).all()
    (feed,) = load(tmp_path / "i", "size = 8", spec)
    assert feed["x"].shape == (1, 3, 8, 8)
    with pytest.raises(UsageError, match=r"FM034.*size"):
        list(load(tmp_path / "i", "letterbox = 0", spec))


def test_labels_of_subfolders_and_tables(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/2.png", "ant/3.png"):
        save(tmp_path / "i" / name, 4, 6)
    samples = load(tmp_path / "i", "label_offset = 1", batch=2)
    assert len(samples) == 2 and samples.rows == 3
    assert samples.labels is not None and samples.labels.tolist() == [1, 2, 2]
    assert [f["x"].shape[0] for f in samples] == [2, 1]
    for name in ("7/1.png", "10/2.png"):
        save(tmp_path / "n" / name, 4, 6)
    labels = load(tmp_path / "n", "").labels
    assert labels is not None and labels.tolist() == [10, 7]
    save(tmp_path / "t" / "b.png", 4, 6)
    assert load(tmp_path / "t", "").labels is None
    (tmp_path / "t" / "labels.csv").write_text("file,label\nb.png,5\n")
    labels = load(tmp_path / "t", "").labels
    assert labels is not None and labels.tolist() == [5]
    save(tmp_path / "t" / "c.png", 4, 6)
    with pytest.raises(UsageError, match=r"FM035.*'c\.png'"):
        load(tmp_path / "t", "")
    (tmp_path / "t" / "labels.csv").write_text("file,label\nb.png,five\n")
    with pytest.raises(UsageError, match=r"FM035.*line 2"):
        load(tmp_path / "t", "")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("lettrbox = 3", "did you mean 'letterbox'"),
        ('channels = "RGBA"', "RGBA"),
        ("mean = [1, 2]", "2 numbers for 3 channels"),
        ("std = 0.0", "must not be 0"),
        ("size = 0", "at least 1"),
        ("size = [1, 2, 3]", "size"),
        ("letterbox = 300", "0 to 255"),
        ("this is no toml", "not TOML"),
    ],
)
def test_mistakes_in_the_preprocess_file(tmp_path: Path, toml: str, message: str) -> None:
    save(tmp_path / "i" / "a.png", 4, 6)
    with pytest.raises(UsageError, match=f"FM034.*{message}"):
        load(tmp_path / "i", toml)


def test_mistakes_around_the_folder(tmp_path: Path) -> None:
    save(tmp_path / "i" / "a.png", 4, 6)
    with pytest.raises(UsageError, match=r"FM034.*--preprocess"):
        open_data(tmp_path / "i", [NCHW])
    with pytest.raises(UsageError, match=r"FM034.*gone\.toml"):
        open_data(tmp_path / "i", [NCHW], DataOptions(preprocess=tmp_path / "gone.toml"))
    with pytest.raises(UsageError, match=r"FM035.*2"):
        open_data(tmp_path / "i", [NCHW, NCHW])
    with pytest.raises(UsageError, match=r"FM035.*4 dimensions"):
        list(load(tmp_path / "i", "", InputSpec("x", "float32", ("N", 3))))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"FM035.*no picture"):
        load(tmp_path / "empty", "")
    (tmp_path / "i" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(UsageError, match=r"FM035.*b\.png.*not a picture"):
        list(load(tmp_path / "i", ""))
    save(tmp_path / "s" / "a.png", 4, 6)
    save(tmp_path / "s" / "b.png", 5, 6)
    spec = InputSpec("x", "float32", ("N", 3, "H", "W"))
    with pytest.raises(UsageError, match=r"FM032.*different sizes"):
        list(load(tmp_path / "s", "", spec, batch=2))


def test_missing_pillow_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "i" / "a.png", 4, 6)
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(EnvironmentFailure, match=r"FM530.*fmpass\[images\]"):
        load(tmp_path / "i", "")
