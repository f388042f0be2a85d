"""Nothing else in the file changes: what onnx_ir or graphsurgeon would lose survives rewriting and its inverse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import conv_relu, model

from fmpass import api
from fmpass.graph import diff

Change = Callable[[onnx.ModelProto], None]


def _sparse(m: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32), "sp")
    indices = numpy_helper.from_array(np.array([2], np.int64), "sp_i")
    m.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


def _metadata(m: onnx.ModelProto) -> None:
    m.doc_string, m.producer_name, m.producer_version, m.domain, m.model_version = "doc", "p", "1", "org.x", 7
    m.graph.doc_string = "graph doc"
    m.ir_version = 10
    for place in (m, m.graph, m.graph.node[0], m.graph.initializer[0], m.graph.input[0]):
        for key in ("b", "a"):
            place.metadata_props.add(key=key, value="v")
    m.graph.node[1].doc_string = "node doc"


def _quantization(m: onnx.ModelProto) -> None:
    for name in ("r", "w1", "x", "nothing"):
        note = m.graph.quantization_annotation.add(tensor_name=name)
        note.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="w1")


def _value_info(m: onnx.ModelProto) -> None:
    for name in ("w1", "stale", "c"):
        m.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4, 8, 8]))


def _training(m: onnx.ModelProto) -> None:
    m.training_info.add().initialization.name = "init"


def _functions(m: onnx.ModelProto) -> None:
    m.ir_version = 10
    for overload in ("", "two"):
        body = [helper.make_node("Neg", ["a"], ["b"])]
        f = helper.make_function(
            "org.f", "Negate", ["a"], ["b"], body, [helper.make_opsetid("", 17)], overload=overload
        )
        f.metadata_props.add(key="k", value=overload)
        m.functions.append(f)
    m.opset_import.append(helper.make_opsetid("org.f", 1))


def _domains(m: onnx.ModelProto) -> None:
    m.opset_import.insert(0, helper.make_opsetid("zz.last", 3))
    m.opset_import.append(helper.make_opsetid("aa.first", 2))
    m.opset_import[1].domain = "ai.onnx"


def _odd_tensors(m: onnx.ModelProto) -> None:
    m.ir_version = 10
    for kind in (
        TensorProto.INT4,
        TensorProto.UINT4,
        TensorProto.BFLOAT16,
        TensorProto.FLOAT8E4M3FN,
        TensorProto.STRING,
    ):
        name = TensorProto.DataType.Name(kind)
        values = [b"a", b"b", b"c"] if kind == TensorProto.STRING else [1, 2, 3]
        m.graph.initializer.append(helper.make_tensor(name, kind, [3], values))
    m.graph.initializer.append(helper.make_tensor("empty", TensorProto.FLOAT, [0], []))
    m.graph.initializer.append(helper.make_tensor("typed", TensorProto.FLOAT, [2], [1.0, 2.0]))  # float_data, not raw


def _initializers_as_inputs(m: onnx.ModelProto) -> None:
    m.ir_version = 3
    for tensor in m.graph.initializer:
        m.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))


def _no_names(m: onnx.ModelProto) -> None:
    for node in m.graph.node:
        node.ClearField("name")


def _same_names(m: onnx.ModelProto) -> None:
    for node in m.graph.node:
        node.name = "twin"


def _nothing(m: onnx.ModelProto) -> None:
    """The model as it is."""


CHANGES: list[Change] = [
    _nothing, _sparse, _metadata, _quantization, _value_info, _training, _functions, _domains, _odd_tensors,
    _initializers_as_inputs, _no_names, _same_names,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__.strip("_"))
def test_everything_else_survives(change: Change) -> None:
    proto = conv_relu()
    change(proto)
    rewritten = api.rewrite(proto)
    reader = " ".join(n for n in ("Conv", proto.graph.node[2].name, "y") if n)
    assert list(diff.differences(proto, rewritten)) == [
        "opset_import[ai.fmpass]: new",
        "graph.node[2]: ai.fmpass FmCompress r__FmCompress r__fm_payload new",
        "graph.node[3]: ai.fmpass FmDecompress r__FmDecompress r__fm_restored new",
        f"graph.node[{reader}].input[0]: 'r' → 'r__fm_restored'",
        "graph.value_info[r__fm_payload]: new",
        "graph.value_info[r__fm_restored]: new",
    ]
    assert api.remove(rewritten).SerializeToString(deterministic=True) == proto.SerializeToString(deterministic=True)
    again = api.rewrite(rewritten)
    assert again.SerializeToString(deterministic=True) == rewritten.SerializeToString(deterministic=True)


def test_optional_inputs_and_outputs_left_out() -> None:
    proto = model(
        """g (float[N,4] x) => (float[N,4] y) {
            a = Clip(x, "", top)
            b, "" = Dropout(a)
            c = Relu(b)
            y = Clip(c, "", "")
        }""",
        {"top": np.array(6, np.float32)},
    )
    rewritten = api.rewrite(proto)
    assert api.remove(rewritten).SerializeToString(deterministic=True) == proto.SerializeToString(deterministic=True)
    assert list(rewritten.graph.node[0].input) == ["x", "", "top"]


def test_graphsurgeon_and_onnx_ir_get_the_same_pairs() -> None:
    gs = pytest.importorskip("onnx_graphsurgeon")
    import onnx_ir as ir

    proto = conv_relu()
    expected = [(n.op_type, list(n.input), list(n.output)) for n in api.rewrite(proto).graph.node]
    from_ir = ir.to_proto(api.rewrite(ir.from_proto(proto)))
    from_gs = gs.export_onnx(api.rewrite(gs.import_onnx(proto)))
    for found in (from_ir, from_gs):
        assert [(n.op_type, list(n.input), list(n.output)) for n in found.graph.node] == expected
