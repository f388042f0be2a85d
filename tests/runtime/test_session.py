"""make_session: every kind of model, options of the caller, and errors that say what to do."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from pair_models import Pair, lacking, model, round_trip, same_bits, sample, value

import fmpass
from fmpass.codecs import abi
from fmpass.dtypes import by_name
from fmpass.errors import EnvironmentFailure, PayloadError, UnsupportedModel
from fmpass.runtime import get_library_path, library_path, make_session
from fmpass.runtime.session import explained, failures

pytestmark = pytest.mark.runtime

F32 = by_name("float32")
X = sample(F32, (2, 3))


def plain() -> onnx.ModelProto:
    nodes = [Pair().compress("X", "p"), Pair().decompress("p", "Y", TensorProto.FLOAT, [2, 3])]
    return model(nodes, [value("X", TensorProto.FLOAT, [2, 3])], [value("Y", TensorProto.FLOAT, [2, 3])])


def as_path(proto, tmp_path):
    onnx.save(proto, tmp_path / "ein Modell.onnx")
    return tmp_path / "ein Modell.onnx"


def as_ir(proto, tmp_path):
    ir = pytest.importorskip("onnx_ir")
    return ir.from_proto(proto)


def as_graphsurgeon(proto, tmp_path):
    gs = pytest.importorskip("onnx_graphsurgeon")
    return gs.import_onnx(proto)


KINDS = {
    "path": as_path,
    "str": lambda p, t: str(as_path(p, t)),
    "bytes": lambda p, t: p.SerializeToString(),
    "proto": lambda p, t: p,
    "onnx_ir": as_ir,
    "graphsurgeon": as_graphsurgeon,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_opens(kind, tmp_path):
    opened = make_session(KINDS[kind](plain(), tmp_path))
    assert same_bits(opened.run(None, {"X": X})[0], X)


def test_the_package_has_the_names_of_this_one():
    assert fmpass.make_session is make_session and fmpass.get_library_path is get_library_path


def test_options_of_the_caller_are_kept_and_may_be_used_again():
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.register_custom_ops_library(library_path())
    pattern = options.enable_mem_pattern
    for _ in range(2):
        opened = make_session(plain(), sess_options=options, providers=["CPUExecutionProvider"])
        assert same_bits(opened.run(None, {"X": X})[0], X)
    assert (options.intra_op_num_threads, options.enable_mem_pattern) == (1, pattern)


def test_own_options_do_without_the_memory_pattern():
    assert not make_session(plain()).get_session_options().enable_mem_pattern


def test_an_onnx_ir_model_finds_its_external_data(tmp_path):
    ir = pytest.importorskip("onnx_ir")
    weights = np.arange(600, dtype=np.float32).reshape(2, 300)
    proto = model(
        [
            helper.make_node("Add", ["X", "W"], ["s"]),
            Pair().compress("s", "p"),
            Pair().decompress("p", "Y", TensorProto.FLOAT, [2, 300]),
        ],
        [value("X", TensorProto.FLOAT, [2, 300])],
        [value("Y", TensorProto.FLOAT, [2, 300])],
        initializers=[onnx.numpy_helper.from_array(weights, "W")],
    )
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    x = np.ones((2, 300), np.float32)
    for source in (tmp_path / "m.onnx", ir.load(tmp_path / "m.onnx")):
        assert same_bits(make_session(source).run(None, {"X": x})[0], x + weights)
    (tmp_path / "m.data").write_bytes(b"cut off")
    with pytest.raises(UnsupportedModel, match=r"FM142.*m\.onnx.*beside the model"):
        make_session(tmp_path / "m.onnx")
    (tmp_path / "m.data").unlink()
    with pytest.raises(UnsupportedModel, match=r"FM142.*m\.onnx.*beside the model"):
        make_session(tmp_path / "m.onnx")


def test_the_library_path_is_absolute_and_can_be_overridden(monkeypatch, tmp_path):
    path = library_path()
    assert path == get_library_path() and path.startswith("/") and path.endswith("libfmpass_ops.so")
    monkeypatch.setenv(abi.VARIABLE, str(tmp_path / "nowhere.so"))
    with pytest.raises(EnvironmentFailure, match="FM521"):
        library_path()
    monkeypatch.chdir("/")
    monkeypatch.setenv(abi.VARIABLE, path[1:])
    assert library_path() == path


def test_a_missing_file_and_garbage(tmp_path):
    with pytest.raises(UnsupportedModel, match=r"FM100.*nowhere\.onnx"):
        make_session(tmp_path / "nowhere.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"this is no model at all")
    with pytest.raises(UnsupportedModel, match=r"FM143.*bad\.onnx"):
        make_session(tmp_path / "bad.onnx")


def test_a_newer_ir_than_the_runtime_is_an_environment_failure():
    proto = plain()
    proto.ir_version = 99
    with pytest.raises(EnvironmentFailure, match=r"FM541.*99.*newer onnxruntime"):
        make_session(proto)


def test_a_newer_opset_than_the_runtime_is_an_environment_failure():
    proto = plain()
    proto.opset_import[0].version = 99
    with pytest.raises(EnvironmentFailure, match=r"FM541.*99.*newer onnxruntime"):
        make_session(proto)


def test_operators_of_others_are_named():
    node = helper.make_node("Strange", ["X"], ["Y"], domain="com.example")
    proto = model([node], [value("X", TensorProto.FLOAT, [1])], [value("Y", TensorProto.FLOAT, [1])])
    proto.opset_import.append(helper.make_opsetid("com.example", 1))
    with pytest.raises(UnsupportedModel, match=r"FM141.*com\.example:Strange.*register the library"):
        make_session(proto)


def test_an_operator_without_a_kernel_is_named():
    proto = model(
        [helper.make_node("Relu", ["X"], ["Y"])],
        [value("X", TensorProto.INT64, [2])],
        [value("Y", TensorProto.INT64, [2])],
    )
    with pytest.raises(UnsupportedModel, match=r"FM144.*Relu.*no kernel"):
        make_session(proto)


def test_a_type_that_the_runtime_keeps_from_custom_operators_is_explained():
    dtype = by_name("int4")
    if not lacking(dtype):
        pytest.skip(f"onnxruntime {ort.__version__} lets custom operators take every type")
    with pytest.raises(EnvironmentFailure, match=r"FM543.*int4.*1\.21"):
        make_session(round_trip(dtype, (3,), constant=np.zeros(3, dtype.numpy)))


def test_a_session_without_the_library_is_explained():
    with pytest.raises(failures()) as caught:
        ort.InferenceSession(plain().SerializeToString(), providers=["CPUExecutionProvider"])
    error = explained(caught.value, "m.onnx")
    assert isinstance(error, EnvironmentFailure) and error.code == "FM542" and "make_session" in error.hint


def test_a_bad_chain_names_the_edge():
    nodes = [Pair("conv1/out", "zcv").compress("X", "Y")]
    proto = model(nodes, [value("X", TensorProto.FLOAT, [2])], [value("Y", TensorProto.UINT8, [None])])
    with pytest.raises(UnsupportedModel) as caught:
        make_session(proto)
    assert caught.value.code == "FM147" and caught.value.where == "edge 'conv1/out'"
    assert caught.value.problem.startswith("chain 'zcv': ")


def test_an_error_of_a_run_is_explained():
    node = Pair("it's").decompress("payload", "Y", TensorProto.FLOAT, [2])
    proto = model([node], [value("payload", TensorProto.UINT8, [None])], [value("Y", TensorProto.FLOAT, [2])])
    opened = make_session(proto)
    with pytest.raises(failures()) as caught:
        opened.run(None, {"payload": np.zeros(100, np.uint8)})
    error = explained(caught.value, "m.onnx")
    assert isinstance(error, PayloadError) and (error.code, error.where) == ("FM301", "edge 'it's'")


def test_an_older_runtime_is_refused(monkeypatch):
    monkeypatch.setattr(ort, "__version__", "1.17.3")
    with pytest.raises(EnvironmentFailure, match=r"FM540.*1\.17\.3 is older than 1\.18"):
        make_session(plain())


def test_other_refusals_keep_the_words_of_the_runtime():
    proto = round_trip(F32, (2, 3))
    proto.graph.node[0].input[0] = "not_there"
    with pytest.raises(UnsupportedModel, match=r"FM140.*onnxruntime says: .*not_there"):
        make_session(proto)
