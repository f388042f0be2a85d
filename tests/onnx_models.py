"""Small models for tests, written in ONNX text; weights are drawn from their names."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

Weights = Mapping[str, "tuple[int, ...] | np.ndarray"]


def model(text: str, weights: Weights | None = None, *, opset: int = 17, ir_version: int = 8) -> onnx.ModelProto:
    """The model of `text`, a graph in ONNX text. `weights` gives initializers a shape (float32 values) or an array."""
    header = f'<ir_version: {ir_version}, opset_import: ["" : {opset}, "com.microsoft" : 1]>'
    proto = onnx.parser.parse_model(f"{header}\n{text}")
    if "com.microsoft" not in text:
        del proto.opset_import[1]
    for name, value in (weights or {}).items():
        array = value if isinstance(value, np.ndarray) else _drawn(name, value)
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    return proto


def saved(proto: onnx.ModelProto, path: Path) -> Path:
    """`path`, after the model was written there as bytes that onnx.save would write."""
    path.write_bytes(proto.SerializeToString(deterministic=True))
    return path


def conv_relu() -> onnx.ModelProto:
    """x → Conv → Relu → r → Conv → y: one stored edge, r."""
    return model(
        """g (float[N,3,8,8] x) => (float[N,4,8,8] y) {
            [conv1] c = Conv<pads=[1,1,1,1]>(x, w1)
            [relu] r = Relu(c)
            [conv2] y = Conv<pads=[1,1,1,1]>(r, w2)
        }""",
        {"w1": (4, 3, 3, 3), "w2": (4, 4, 3, 3)},
    )


def _drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return (rng.standard_normal(shape) * 0.3).astype(np.float32)
