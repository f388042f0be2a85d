"""onnx.checker with the registered schemas: rewritten models pass, and what is wrong is caught.

Registering is for the whole process, so the checks run in one of their own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import helper
from onnx_models import conv_relu, model, saved

from fmpass import api
from fmpass.plan import Options

LOSSY = "quant{bits=3}|zvc"
BODIES = """g (float[N,4] x, bool c) => (float[N,4] y) {
    [a] r = Relu(x)
    [if] y = If (c) <
        then_branch = t () => (float[N,4] ty) { [ta] ts = Sigmoid(r) [tb] ty = MatMul(ts, w) },
        else_branch = e () => (float[N,4] ey) { [ea] ey = Add(r, x) }
    >
}"""
CHECK = """
import sys, onnx
from fmpass.graph.schema import register_schemas
register_schemas()
for path in sys.argv[1:]:
    try:
        onnx.checker.check_model(onnx.load(path), full_check=True, check_custom_domain=True)
        print("good")
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        print(" ".join(str(error).split()))
"""


def checked(models: list[onnx.ModelProto], folder: Path) -> list[str]:
    paths = [saved(m, folder / f"{i}.onnx") for i, m in enumerate(models)]
    done = subprocess.run([sys.executable, "-c", CHECK, *paths], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_rewritten_models_pass(tmp_path: Path) -> None:
    models = [conv_relu(), model(BODIES, {"w": (4, 4)})]
    for m in models:
        m.ir_version = 10
    forms = [
        Options(),
        Options(boundary=True),
        Options(chain=LOSSY, block=1024),
        Options(portable=True),
        Options(chain=LOSSY, portable=True),
        Options(chain=LOSSY, emulate=True),
    ]
    rewritten = [api.rewrite(m, options=form) for m in models for form in forms]
    assert checked(rewritten, tmp_path) == ["good"] * len(rewritten)


def _unknown(m: onnx.ModelProto) -> None:
    m.graph.node[2].attribute.append(helper.make_attribute("chian", "zvc"))


def _mistyped(m: onnx.ModelProto) -> None:
    next(a for a in m.graph.node[2].attribute if a.name == "chain").CopyFrom(helper.make_attribute("chain", 3))


def _missing(m: onnx.ModelProto) -> None:
    del m.graph.node[3].attribute[:]


def _operator(m: onnx.ModelProto) -> None:
    m.graph.node[2].op_type = "FmCompres"


def _outputs(m: onnx.ModelProto) -> None:
    m.graph.node[2].output.extend(["near", "far"])


def _payload(m: onnx.ModelProto) -> None:
    m.graph.node[3].input[0] = "x"


WRONG: dict[Callable[[onnx.ModelProto], None], str] = {
    _unknown: "Unrecognized attribute: chian for operator FmCompress",
    _mistyped: "Mismatched attribute type in 'r__FmCompress : chain'",
    _missing: "Required attribute",
    _operator: "No Op registered for FmCompres ",
    _outputs: "has output size 3 not in range [min=1, max=2]",
    _payload: "unsupported type: tensor(float)",
}


def test_what_is_wrong_is_caught(tmp_path: Path) -> None:
    models = []
    for change in WRONG:
        m = api.rewrite(conv_relu())
        change(m)
        models.append(m)
    for said, expected in zip(checked(models, tmp_path), WRONG.values(), strict=True):
        assert expected in said


@pytest.mark.parametrize("form", [Options(), Options(portable=True)])
def test_names_and_notes_for_people_who_look_at_the_graph(form: Options) -> None:
    after = api.rewrite(conv_relu(), options=form)
    compress, decompress = after.graph.node[2:4]
    assert (compress.name, decompress.name) == ("r__FmCompress", "r__FmDecompress")
    assert (list(compress.output), list(decompress.output)) == (["r__fm_payload"], ["r__fm_restored"])
    for node in (compress, decompress):
        notes = {p.key: p.value for p in node.metadata_props}
        assert notes.keys() == {"ai.fmpass.edge", "ai.fmpass.chain", "ai.fmpass.reason"}
        assert (notes["ai.fmpass.edge"], notes["ai.fmpass.chain"]) == ("r", "zvc")
