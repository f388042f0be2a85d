"""The backend test cases that the onnx package brings: one feed each, and what it is expected to give.

Node cases are built by onnx from Python code, the others lie in its `data` folder. The light models have neither
weights nor inputs on disk: their weights are ConstantOfShape nodes, and their input is the ramp that onnx's own runner
feeds. Nothing is downloaded; the `real` models are these same nine with weights from elsewhere and are not here.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

KINDS = ("node", "simple", "light", "pytorch-converted", "pytorch-operator")
_RTOL, _ATOL = 1e-3, 1e-7
"""The tolerances of onnx's runner for a case that gives none of its own."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Inputs by name, and the expected outputs in the order of the graph; None where nothing is expected."""

    inputs: dict[str, Any]
    outputs: list[Any] | None


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `path` is its file, None for one that is built in memory; then `model` and `feeds` hold it."""

    name: str
    kind: str
    path: Path | None = None
    rtol: float = _RTOL
    atol: float = _ATOL
    built: Any = field(default=None, repr=False)

    def model(self) -> onnx.ModelProto:
        """The model, a copy of its own."""
        if self.path is not None:
            return onnx.load(self.path)
        copy = onnx.ModelProto()
        copy.CopyFrom(self.built.model)
        return copy

    def feeds(self, model: onnx.ModelProto) -> list[Feed]:
        """All data sets of the case."""
        fed = _fed(model)
        if self.path is None:
            return [_feed(fed, *data) for data in self.built.data_sets]
        if self.kind == "light":
            return [_ramp(model, fed, self.path)]
        return [_read(model, fed, folder) for folder in sorted(self.path.parent.glob("test_data_set_*"))]


def cases(kinds: Sequence[str] = KINDS) -> list[Case]:
    """All cases, ordered by kind and name."""
    from onnx.backend.test import loader

    data = Path(loader.DATA_DIR)
    found: list[Case] = []
    for kind in kinds:
        if kind == "node":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # numpy's, about values that overflow on purpose
                built = loader.load_node_model_tests()
            of_kind = [Case(c.name, kind, None, c.rtol, c.atol, c) for c in built]
        elif kind == "light":
            of_kind = [
                Case(p.stem, kind, p, 2e-3 if "densenet" in p.stem else _RTOL) for p in data.glob("light/*.onnx")
            ]
        else:
            known = loader.load_model_tests(kind=kind)
            of_kind = [Case(c.name, kind, Path(c.model_dir) / "model.onnx", c.rtol, c.atol) for c in known]
        found += sorted(of_kind, key=lambda case: case.name)
    return found


def sampled(found: Sequence[Case], one_in: int, seed: int) -> list[Case]:
    """One case in `one_in`, drawn by `seed`, in the order of the corpus."""
    drawn = random.Random(seed).sample(range(len(found)), -(-len(found) // one_in))
    return [found[index] for index in sorted(drawn)]


def _fed(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Inputs that need a value: old files list their initializers too."""
    given = {tensor.name for tensor in model.graph.initializer}
    return [info for info in model.graph.input if info.name not in given]


def _feed(fed: list[onnx.ValueInfoProto], inputs: Sequence[Any], outputs: Sequence[Any]) -> Feed:
    names = [info.name for info in fed]
    return Feed(dict(zip(names, map(_value, inputs), strict=True)), [_value(value) for value in outputs])


def _value(value: Any) -> Any:
    """An array, a list of values, or None for an empty optional."""
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    return None if value is None else np.asarray(value)


def _ramp(model: onnx.ModelProto, fed: list[onnx.ValueInfoProto], path: Path) -> Feed:
    inputs: dict[str, Any] = {}
    for info in fed:
        shape = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
        size = int(np.prod(shape))
        inputs[info.name] = (np.arange(size).reshape(shape) / size).astype(np.float32)
    expected = [path.with_name(f"{path.stem}_output_{i}.pb") for i in range(len(model.graph.output))]
    if not all(file.is_file() for file in expected):
        return Feed(inputs, None)
    return Feed(inputs, [numpy_helper.to_array(onnx.load_tensor(file)) for file in expected])


def _read(model: onnx.ModelProto, fed: list[onnx.ValueInfoProto], folder: Path) -> Feed:
    inputs = {info.name: _stored(folder / f"input_{i}.pb", info.type) for i, info in enumerate(fed)}
    outputs = [_stored(folder / f"output_{i}.pb", info.type) for i, info in enumerate(model.graph.output)]
    return Feed(inputs, outputs)


def _stored(file: Path, kind: onnx.TypeProto) -> Any:
    if kind.HasField("sequence_type"):
        return _value(numpy_helper.to_list(onnx.SequenceProto.FromString(file.read_bytes())))
    if kind.HasField("optional_type"):
        return _value(numpy_helper.to_optional(onnx.OptionalProto.FromString(file.read_bytes())))
    return numpy_helper.to_array(onnx.TensorProto.FromString(file.read_bytes()))
