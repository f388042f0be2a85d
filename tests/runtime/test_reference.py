"""onnx's reference evaluator with the numpy codecs gives what onnxruntime gives with the native ones."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from pair_models import Pair, model, round_trip, run, same_bits, sample, value

from fmpass.dtypes import by_name
from fmpass.errors import FmpassError
from fmpass.graph.schema import register_schemas
from fmpass.runtime import reference_ops

F32 = by_name("float32")


def evaluate(proto: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    values = ReferenceEvaluator(proto, new_ops=reference_ops()).run(None, feeds)
    return dict(zip([o.name for o in proto.graph.output], values, strict=True))


@pytest.mark.runtime
@pytest.mark.parametrize("chain", ["raw", "zvc", "zrle", "bpc", "ebpc", "quant|ebpc"])
@pytest.mark.parametrize("name", ["float32", "int8", "float16", "uint16"])
def test_both_evaluators_agree_byte_for_byte(chain, name):
    x = sample(by_name(name), (3, 70), seed=3)
    proto = round_trip(by_name(name), x.shape, Pair(chain=chain, block=64), near=True, gate=True)
    feeds = {"X": x, "G": np.zeros(1, np.float32)}
    ours, theirs = evaluate(proto, feeds), run(proto, feeds)
    assert ours.keys() == theirs.keys() == {"payload", "Y", "near"}
    assert all(same_bits(ours[key], theirs[key]) for key in ours)


@pytest.mark.runtime
def test_both_evaluators_agree_on_pairs_in_branches():
    from test_forms import branch

    nodes = [
        Pair().compress("X", "p"),
        helper.make_node("If", ["take"], ["Y"], then_branch=branch("t", 2.0), else_branch=branch("e", 3.0)),
    ]
    inputs = [value("X", TensorProto.FLOAT, [2, 3]), value("take", TensorProto.BOOL, [])]
    proto = model(nodes, inputs, [value("Y", TensorProto.FLOAT, [2, 3])])
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for take in (True, False):
        feeds = {"X": x, "take": np.array(take)}
        assert same_bits(evaluate(proto, feeds)["Y"], run(proto, feeds)["Y"])


@pytest.mark.parametrize(
    "dtype, shape, code",
    [(TensorProto.FLOAT16, (2,), "FM309"), (TensorProto.FLOAT, (3,), "FM309"), (8, (2,), "FM146")],
)
def test_a_lie_names_the_edge(dtype, shape, code):
    nodes = [Pair("here").compress("X", "p"), Pair("here").decompress("p", "Y", dtype, shape)]
    proto = model(nodes, [value("X", TensorProto.FLOAT, [2])], [value("Y", dtype, None)])
    with pytest.raises(FmpassError) as caught:
        evaluate(proto, {"X": np.zeros(2, np.float32)})
    assert (caught.value.code, caught.value.where) == (code, "edge 'here'")


def test_the_schema_is_for_the_checker():
    register_schemas()
    register_schemas()
    proto = round_trip(F32, (2, 3), near=True, gate=True)
    onnx.checker.check_model(proto, full_check=True, check_custom_domain=True)
    proto.graph.node[0].attribute.append(helper.make_attribute("blokc", 3))
    with pytest.raises(onnx.checker.ValidationError, match="blokc"):
        onnx.checker.check_model(proto, check_custom_domain=True)


def test_a_registered_schema_leaves_the_reference_evaluator_alone():
    """A second schema of the name `Compress` in any domain would make this import fail."""
    program = (
        "from fmpass.graph.schema import register_schemas; register_schemas(); import onnx.reference;"
        "from fmpass.runtime import reference_ops; print([op.__name__ for op in reference_ops()])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['FmCompress', 'FmDecompress']"
