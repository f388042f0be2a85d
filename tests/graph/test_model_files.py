"""Reading and writing: clear errors, nothing half-written, external data never loaded or copied without need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import conv_relu, model, saved

from fmpass import api
from fmpass.errors import EnvironmentFailure, FmpassError, UnsupportedModel, UsageError
from fmpass.graph import files, io


def _error(path: Path) -> FmpassError:
    with pytest.raises(UnsupportedModel) as caught:
        io.load(path)
    assert caught.value.hint and caught.value.where
    return caught.value


def test_missing_file_and_directory(tmp_path: Path) -> None:
    assert _error(tmp_path / "none.onnx").code == "FM100"
    assert _error(tmp_path).code == "FM100"


@pytest.mark.parametrize("content", [b"", b"hello, this is no model", b"\x89PNG\r\n\x1a\n" + bytes(64)])
def test_not_an_onnx_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert _error(path).code == "FM101"


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_truncated_file(tmp_path: Path, kept: float) -> None:
    path = saved(conv_relu(), tmp_path / "m.onnx")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    assert _error(path).code == "FM102"


def test_newer_ir_version(tmp_path: Path) -> None:
    proto = conv_relu()
    proto.ir_version = onnx.IR_VERSION + 1
    with pytest.raises(EnvironmentFailure, match="FM541"):
        io.load(saved(proto, tmp_path / "m.onnx"))


def test_empty_graph(tmp_path: Path) -> None:
    proto = model("g (float[1] x) => (float[1] x) {}")
    assert _error(saved(proto, tmp_path / "m.onnx")).code == "FM105"


def test_sparse_constant(tmp_path: Path) -> None:
    values, indices = (
        numpy_helper.from_array(np.ones(1, np.float32), "v"),
        numpy_helper.from_array(np.zeros(1, np.int64)),
    )
    proto = conv_relu()
    sparse = helper.make_sparse_tensor(values, indices, [4])
    proto.graph.node.insert(0, helper.make_node("Constant", [], ["k"], sparse_value=sparse))
    assert _error(saved(proto, tmp_path / "m.onnx")).code == "FM106"


def test_something_else_than_a_model() -> None:
    with pytest.raises(UsageError) as caught:
        io.load(42)
    assert caught.value.code == "FM022"


def external(folder: Path, location: str = "weights.bin") -> Path:
    """conv_relu with its weights in a file below `folder`."""
    proto = conv_relu()
    (folder / location).parent.mkdir(parents=True, exist_ok=True)
    with (folder / location).open("wb") as out:
        for tensor in proto.graph.initializer:
            offset, length = out.tell(), out.write(tensor.raw_data)
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", location), ("offset", offset), ("length", length)):
                tensor.external_data.add(key=key, value=str(value))
    return saved(proto, folder / "m.onnx")


def test_external_data_missing_short_or_outside(tmp_path: Path) -> None:
    path = external(tmp_path)
    data = tmp_path / "weights.bin"
    data.write_bytes(data.read_bytes()[:-1])
    assert "short" in _error(path).problem
    data.unlink()
    error = _error(path)
    assert error.code == "FM103" and "weights.bin" in error.problem
    proto = onnx.load(path, load_external_data=False)
    proto.graph.initializer[0].external_data[0].value = "../weights.bin"
    assert _error(saved(proto, path)).code == "FM103"


def test_external_data_stays_in_the_same_directory(tmp_path: Path) -> None:
    path = external(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    written = api.rewrite(path, tmp_path / "out.onnx")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*before, "out.onnx"])
    assert onnx.load(written).graph.initializer[0].raw_data == conv_relu().graph.initializer[0].raw_data


@pytest.mark.parametrize("read", [str, ir.load], ids=["path", "onnx_ir"])
def test_external_data_is_copied_into_another_directory(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = external(tmp_path, "data/weights.bin")
    (tmp_path / "out").mkdir()
    api.rewrite(read(path), tmp_path / "out" / "m.onnx")
    copy, origin = tmp_path / "out" / "data" / "weights.bin", tmp_path / "data" / "weights.bin"
    assert copy.read_bytes() == origin.read_bytes()
    for written in (path, tmp_path / "out" / "m.onnx"):  # onnx refuses data behind links of any kind
        whole = {t.name: t.raw_data for t in onnx.load(written).graph.initializer}
        assert whole == {t.name: t.raw_data for t in conv_relu().graph.initializer}
    api.rewrite(read(path), tmp_path / "out" / "m.onnx")  # data of the same content is in nobody's way


def test_holes_are_not_filled(tmp_path: Path) -> None:
    origin = tmp_path / "sparse"
    with origin.open("wb") as out:
        out.write(b"head")
        out.seek(64 << 20)
        out.write(b"middle")
        out.truncate(128 << 20)
    files.copy(origin, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == origin.read_bytes()
    assert (tmp_path / "copy").stat().st_blocks <= origin.stat().st_blocks + 64


def test_another_models_data_is_never_overwritten(tmp_path: Path) -> None:
    path = external(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "weights.bin").write_bytes(b"precious")
    with pytest.raises(EnvironmentFailure) as caught:
        api.rewrite(path, tmp_path / "out" / "m.onnx")
    assert caught.value.code == "FM503"
    assert (tmp_path / "out" / "weights.bin").read_bytes() == b"precious"
    assert not (tmp_path / "out" / "m.onnx").exists()


def test_in_place(tmp_path: Path) -> None:
    path = external(tmp_path)
    original = path.read_bytes()
    api.rewrite(path, path)
    assert path.read_bytes() != original
    api.remove(path, path)
    assert path.read_bytes() == original


def test_nothing_is_left_of_a_failed_write(tmp_path: Path) -> None:
    target = tmp_path / "m.onnx"
    target.write_bytes(b"as it was")

    def full(out: object) -> None:
        out.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    with pytest.raises(EnvironmentFailure) as caught:
        files.write(target, full)
    assert caught.value.code == "FM502" and caught.value.hint
    with pytest.raises(KeyboardInterrupt):
        files.write(target, lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]
    assert target.read_bytes() == b"as it was"


def test_no_directory_and_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(conv_relu(), tmp_path / "m.onnx")
    with pytest.raises(EnvironmentFailure) as caught:
        api.rewrite(path, tmp_path / "none" / "out.onnx")
    assert caught.value.code == "FM501"

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "mkstemp", refuse)
    with pytest.raises(EnvironmentFailure) as caught:
        api.rewrite(path, tmp_path / "out.onnx")
    assert caught.value.code == "FM501" and "permission" in caught.value.problem


def test_weights_too_large_for_one_file_go_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "INLINE_LIMIT", 500)
    monkeypatch.setattr(files, "SMALLEST_EXTERNAL", 100)
    written = api.rewrite_model(conv_relu(), tmp_path / "m.onnx").output
    assert written is not None
    slim = onnx.load(written, load_external_data=False)
    assert all(t.data_location == TensorProto.EXTERNAL for t in slim.graph.initializer)
    whole = onnx.load(written)
    expected = {t.name: t.raw_data for t in conv_relu().graph.initializer}
    assert {t.name: t.raw_data for t in whole.graph.initializer} == expected


def test_permissions_are_those_of_a_new_file(tmp_path: Path) -> None:
    (tmp_path / "probe").touch()
    files.write(tmp_path / "m.onnx", lambda out: out.write(b"x"))
    assert (tmp_path / "m.onnx").stat().st_mode == (tmp_path / "probe").stat().st_mode


def test_what_comes_in_comes_out(tmp_path: Path) -> None:
    gs = pytest.importorskip("onnx_graphsurgeon")
    proto = conv_relu()
    before = proto.SerializeToString(deterministic=True)
    assert isinstance(api.rewrite(proto), onnx.ModelProto)
    assert isinstance(api.rewrite(ir.from_proto(proto)), ir.Model)
    assert isinstance(api.rewrite(gs.import_onnx(proto)), gs.Graph)
    assert api.rewrite(saved(proto, tmp_path / "m.onnx")) == tmp_path / "m.fm.onnx"
    assert api.remove(tmp_path / "m.fm.onnx", tmp_path / "back.onnx") == tmp_path / "back.onnx"
    assert (tmp_path / "back.onnx").read_bytes() == before
    assert proto.SerializeToString(deterministic=True) == before


def test_unchanged_models_keep_their_bytes(tmp_path: Path) -> None:
    proto = conv_relu()
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString() + b"\xfa\x3f\x02hi")  # an unknown field, as a newer writer would leave
    api.remove(path, tmp_path / "same.onnx")
    assert (tmp_path / "same.onnx").read_bytes() == path.read_bytes()


def test_names_with_blanks_and_other_letters(tmp_path: Path) -> None:
    folder = tmp_path / "mein Ordner é"
    folder.mkdir()
    path = external(folder, "gewichte ü.bin")
    assert api.rewrite(path).exists()
