"""The C++ example: built against our own ABI declaration only, run on the shared onnxruntime of the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from pair_models import Pair, model, session, value

from fmpass.runtime.library import library_path

pytestmark = pytest.mark.runtime

ROOT = Path(__file__).resolve().parents[2]


def shared_runtime() -> Path:
    """The wheel's own libonnxruntime. The Python extension beside it exports nothing and needs an interpreter."""
    found = sorted((Path(ort.__file__).parent / "capi").glob("libonnxruntime.so.*"))
    if not found:
        pytest.skip(f"the wheel of onnxruntime {ort.__version__} carries no shared libonnxruntime")
    return found[0]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    assert compiler, "the example needs a C++ compiler: set CXX"
    built = tmp_path_factory.mktemp("example") / "run_model"
    flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-I", str(ROOT / "custom_ops")]
    source = str(ROOT / "examples" / "cpp" / "run_model.cc")
    subprocess.run([*compiler.split(), *flags, source, "-ldl", "-o", str(built)], check=True)
    return built


@pytest.fixture
def rewritten(tmp_path: Path) -> Path:
    shape = ["n", 3, 8]
    nodes = [
        helper.make_node("Relu", ["X"], ["a"]),
        Pair("a", "ebpc").compress("a", "p"),
        Pair("a", "ebpc").decompress("p", "r", TensorProto.FLOAT, [-1, 3, 8]),
        helper.make_node("Add", ["r", "one"], ["Y"]),
        helper.make_node("Shape", ["Y"], ["S"]),
    ]
    proto = model(
        nodes,
        [value("X", TensorProto.FLOAT, shape)],
        [value("Y", TensorProto.FLOAT, shape), value("S", TensorProto.INT64, [3])],
        [value("r", TensorProto.FLOAT, shape)],
        [helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])],
    )
    onnx.save(proto, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def fnv1a(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def feed(seed: int) -> np.ndarray:
    """The example's input: zeros, or multiples of 1/8 from a linear congruential generator."""
    values, state = np.zeros(24, np.float32), seed
    for i in range(24 if seed else 0):
        state = (state * 1664525 + 1013904223) % 2**32
        values[i] = ((state >> 28) - 8) / 8
    return values.reshape(1, 3, 8)


@pytest.mark.parametrize("seed", [0, 1, 77])
def test_the_example_prints_what_python_computes(program, rewritten, seed):
    command = [str(program), str(shared_runtime()), library_path(), str(rewritten), *([str(seed)] if seed else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    y, s = session(onnx.load(rewritten), optimize=True).run(None, {"X": feed(seed)})
    assert done.stdout.splitlines() == [
        f"onnxruntime {ort.__version__}",
        f"Y type=1 shape=[1,3,8] fnv1a={fnv1a(y.tobytes())}",
        f"S type=7 shape=[3] fnv1a={fnv1a(s.tobytes())}",
    ]


def test_the_example_prints_the_status_of_a_bad_model(program, tmp_path):
    node = Pair("conv1", "nonsense").compress("X", "p")
    proto = model([node], [value("X", TensorProto.FLOAT, [2])], [value("p", TensorProto.UINT8, [None])])
    onnx.save(proto, tmp_path / "bad.onnx")
    command = [str(program), str(shared_runtime()), library_path(), str(tmp_path / "bad.onnx")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "error[FM147] at edge 'conv1': chain 'nonsense'" in done.stderr


def test_the_example_explains_its_arguments(program):
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.returncode == 2 and "usage:" in done.stderr
