"""Every code of docs/errors.md about models has a model or a file that ends in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import conv_relu, model, saved

from fmpass import api
from fmpass.errors import FmpassError, UnsupportedModel
from fmpass.runtime import make_session

TABLE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
Trigger = Callable[[Path], object]


def _external(folder: Path) -> Path:
    path = folder / "m.onnx"
    onnx.save_model(conv_relu(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    return path


def _fm100_missing(folder: Path) -> object:
    return api.rewrite(folder / "none.onnx")


def _fm100_folder(folder: Path) -> object:
    return api.rewrite(folder)


def _fm101_text(folder: Path) -> object:
    (folder / "m.onnx").write_text("no model")
    return api.rewrite(folder / "m.onnx")


def _fm102_cut(folder: Path) -> object:
    path = saved(conv_relu(), folder / "m.onnx")
    path.write_bytes(path.read_bytes()[:100])
    return api.rewrite(path)


def _fm103_gone(folder: Path) -> object:
    path = _external(folder)
    (folder / "w.bin").unlink()
    return api.rewrite(path)


def _fm103_short(folder: Path) -> object:
    path = _external(folder)
    (folder / "w.bin").write_bytes(b"123")
    return api.rewrite(path)


def _changed_data(folder: Path, **entries: str) -> object:
    proto = onnx.load(_external(folder), load_external_data=False)
    (folder / "sub").mkdir()
    for entry in proto.graph.initializer[0].external_data:
        entry.value = entries.get(entry.key, entry.value)
    return api.rewrite(saved(proto, folder / "m.onnx"))


def _fm103_elsewhere(folder: Path) -> object:
    return _changed_data(folder, location="../w.bin")


def _fm103_absolute(folder: Path) -> object:
    return _changed_data(folder, location=str(folder / "w.bin"))


def _fm103_this_folder(folder: Path) -> object:
    return _changed_data(folder, location=".")


def _fm103_a_folder(folder: Path) -> object:
    return _changed_data(folder, location="sub")


def _fm103_no_path(folder: Path) -> object:
    return _changed_data(folder, location="w\0.bin")


def _fm103_negative(folder: Path) -> object:
    return _changed_data(folder, offset="-8")


def _fm103_no_number(folder: Path) -> object:
    return _changed_data(folder, length="many")


def _fm103_longer_than_any_file(folder: Path) -> object:
    return _changed_data(folder, length="9" * 400)


def _fm105_empty(folder: Path) -> object:
    return api.rewrite(saved(model("g (float[1] x) => (float[1] x) {}"), folder / "m.onnx"))


def _fm106_sparse(folder: Path) -> object:
    values = numpy_helper.from_array(np.ones(1, np.float32), "v")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.zeros(1, np.int64)), [4])
    proto = conv_relu()
    proto.graph.node.insert(0, helper.make_node("Constant", [], ["k"], sparse_value=sparse))
    return api.rewrite(saved(proto, folder / "m.onnx"))


def _fm107_twice(folder: Path) -> object:
    return api.rewrite(model("g (float[1] x) => (float[1] y) { y = Relu(x) y = Neg(x) }"))


def _fm107_round(folder: Path) -> object:
    return api.rewrite(model("g (float[1] x) => (float[1] y) { a = Add(x, b) b = Relu(a) y = Neg(b) }"))


def _fm107_unreadable(folder: Path) -> object:
    proto = conv_relu()
    proto.graph.initializer[0].data_type = 99
    return api.rewrite(saved(proto, folder / "m.onnx"))


def _fm107_no_text(folder: Path) -> object:
    data = conv_relu().SerializeToString().replace(b"relu", b"\xff\xfe\xfd\xfc")
    (folder / "m.onnx").write_bytes(data)
    return api.rewrite(folder / "m.onnx")


def _fm108_body_of_a_call(folder: Path) -> object:
    proto = model("g (float[4] x, bool c) => (float[4] y) { y = d.choose(x, c) }")
    proto.opset_import.add(domain="d", version=1)
    node = helper.make_node("If", ["c"], ["w"])
    node.attribute.add(name="then_branch", ref_attr_name="body", type=onnx.AttributeProto.GRAPH)
    made = helper.make_function("d", "choose", ["v", "c"], ["w"], [node], [helper.make_opsetid("", 17)], ["body"])
    proto.functions.append(made)
    return api.rewrite(proto)


def _fm140_contradicts(folder: Path) -> object:
    return make_session(model("g (float[4] x) => (float[4] y) { y = Relu(not_there) }"))


def _fm141_stranger(folder: Path) -> object:
    proto = model("g (float[4] x) => (float[4] y) { y = nowhere.Strange(x) }")
    proto.opset_import.add(domain="nowhere", version=1)
    return make_session(proto)


def _fm142_gone(folder: Path) -> object:
    path = _external(folder)
    (folder / "w.bin").unlink()
    return make_session(path)


def _fm143_cut(folder: Path) -> object:
    (folder / "m.onnx").write_bytes(conv_relu().SerializeToString()[:100])
    return make_session(folder / "m.onnx")


def _fm144_no_kernel(folder: Path) -> object:
    return make_session(model("g (bfloat16[4] x) => (bfloat16[4] y) { y = Relu(x) }"))


def _fm145_large(folder: Path) -> object:
    with pytest.MonkeyPatch.context() as patch:  # a model of that size takes minutes to build
        patch.setattr("fmpass.runtime.session._IN_MEMORY_LIMIT", 1000)
        return make_session(conv_relu())


def _pair(**changes: object) -> onnx.ModelProto:
    proto = api.rewrite(conv_relu())
    for node in proto.graph.node:
        for attribute in [a for a in node.attribute if node.domain == "ai.fmpass" and a.name in changes]:
            node.attribute.remove(attribute)
            node.attribute.append(helper.make_attribute(attribute.name, changes[attribute.name]))
    return proto


def _fm146_in_the_runtime(folder: Path) -> object:
    return make_session(_pair(chain=3))


def _fm146_when_rewritten_again(folder: Path) -> object:
    return api.rewrite(_pair(chain=3.5))


def _fm147_no_chain(folder: Path) -> object:
    return make_session(_pair(chain="nonsense"))


TRIGGERS: tuple[Trigger, ...] = tuple(found for name, found in list(globals().items()) if name.startswith("_fm1"))


def _code(trigger: Trigger) -> str:
    return trigger.__name__[1:6].upper()


def test_every_documented_code_has_a_trigger() -> None:
    documented = set(re.findall(r"^\| (FM1\d\d) \|", TABLE.read_text("utf-8"), re.MULTILINE))
    assert documented == {_code(trigger) for trigger in TRIGGERS}


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda t: t.__name__[1:])
def test_it_ends_in_its_code(trigger: Trigger, tmp_path: Path, library: str) -> None:
    with pytest.raises(FmpassError) as caught:
        trigger(tmp_path)
    error = caught.value
    assert error.code == _code(trigger), error
    assert isinstance(error, UnsupportedModel) and error.exit_code == 4
    assert error.where and error.problem and error.hint
    assert sorted(p.name for p in tmp_path.glob("*.fm.onnx")) == [], "nothing is written"
