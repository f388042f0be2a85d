"""Files as exporters leave them: several data files with offsets, read-only folders, everything at once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import conv_relu, saved

import fmpass
from fmpass import api
from fmpass.errors import EnvironmentFailure
from fmpass.graph import diff
from fmpass.plan import Options


def everything(folder: Path) -> Path:
    """conv_relu with its weights in two files behind other bytes, and all that a file may carry besides."""
    proto = conv_relu()
    proto.ir_version = 10
    for number, tensor in enumerate(proto.graph.initializer):
        location = f"données {number}.bin"
        padding = bytes(range(1, 65)) * (number + 1)
        (folder / location).write_bytes(padding + tensor.raw_data + b"tail")
        entries = {"location": location, "offset": len(padding), "length": len(tensor.raw_data)}
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))
    for node, name in zip(proto.graph.node, ("Ünite/卷积", "relu été", "sortie"), strict=True):
        node.name, node.doc_string = name, f"doc of {name}"
        node.metadata_props.add(key="source", value=name)
    proto.graph.node[1].output[0] = proto.graph.node[2].input[0] = "активация"
    values, indices = np.ones(1, np.float32), np.array([2], np.int64)
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(values, "sparse"), numpy_helper.from_array(indices, "i"), [4]
    )
    proto.graph.sparse_initializer.append(sparse)
    note = proto.graph.quantization_annotation.add(tensor_name="активация")
    note.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="w1")
    proto.training_info.add().algorithm.name = "algorithm"
    proto.metadata_props.add(key="autor", value="é")
    return saved(proto, folder / "modèle.onnx")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "read only"
    folder.mkdir()
    everything(folder)
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    yield folder
    folder.chmod(stat.S_IRWXU)


@pytest.mark.runtime
@pytest.mark.parametrize("boundary", [False, True])
def test_everything_at_once(boundary: bool, tmp_path: Path, library: str) -> None:
    path = everything(tmp_path)
    proto = onnx.load(path, load_external_data=False)
    written = api.rewrite(path, options=Options(boundary=boundary))
    after = onnx.load(written, load_external_data=False)
    told = list(diff.differences(proto, after))
    fields = {line.partition(":")[0].partition("[")[0] for line in told}
    assert fields == {"opset_import", "graph.node", "graph.value_info"}
    assert after.graph.sparse_initializer == proto.graph.sparse_initializer
    assert after.training_info == proto.training_info
    api.remove(written, tmp_path / "back.onnx")
    assert (tmp_path / "back.onnx").read_bytes() == path.read_bytes()


@pytest.mark.runtime
@pytest.mark.parametrize("place", ["the same folder", "another folder", "in place"])
def test_weights_in_several_files_are_found(place: str, tmp_path: Path, library: str) -> None:
    path = everything(tmp_path)
    whole = onnx.load(path, load_external_data=False)
    whole.graph.ClearField("sparse_initializer")  # which onnxruntime wants to be used
    whole.ClearField("training_info")
    saved(whole, path)
    feed = {"x": np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)}
    plain = fmpass.make_session(path).run(None, feed)[0]
    (tmp_path / "out").mkdir()
    output = {"the same folder": None, "another folder": tmp_path / "out" / "m.onnx", "in place": path}[place]
    written = api.rewrite(path, output)
    assert np.allclose(fmpass.make_session(written).run(None, feed)[0], plain, rtol=0, atol=1e-5)
    data = sorted(p.name for p in written.parent.iterdir() if p.suffix == ".bin")
    assert data == ["données 0.bin", "données 1.bin"]
    if place == "in place":
        api.remove(path, path)
        assert path.read_bytes() == whole.SerializeToString(deterministic=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused_and_left_as_it_is(read_only: Path) -> None:
    before = sorted(read_only.iterdir())
    with pytest.raises(EnvironmentFailure) as caught:
        api.rewrite(read_only / "modèle.onnx")
    assert caught.value.code == "FM501"
    assert sorted(read_only.iterdir()) == before


def test_from_a_read_only_folder_into_another(read_only: Path, tmp_path: Path) -> None:
    written = api.rewrite(read_only / "modèle.onnx", tmp_path / "o.onnx")
    assert [n.name for n in onnx.load(written).graph.node if n.domain] == [
        "активация__FmCompress",
        "активация__FmDecompress",
    ]
