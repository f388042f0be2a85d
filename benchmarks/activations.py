"""The real activation maps of trained models at 8 bits, as a cache for measurements of coders.

    python benchmarks/activations.py --out DIR [--models squeezenet1.1,kwt1_transformer]

Maps are those of the stored edges. Float ones are quantised per tensor, asymmetrically, to the range that the
calibration inputs span; the integer ones of QDQ models are taken as they are. Test inputs are others than calibration
inputs. Writes DIR/MODEL/NNN.npz (cal, test, zp) for each edge and DIR/MODEL/index.json once all of a model are there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from preprocess import Feed, case, feeds
from shared import shared

from fmpass import api
from fmpass.graph.edges import Edge as GraphEdge

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Split:
    """How many inputs calibrate and how many test; `alternate` takes them in turn, else one set follows the other."""

    calibration: int
    test: int
    alternate: bool = False

    def __call__(self, inputs: Iterable[Feed]) -> tuple[list[Feed], list[Feed]]:
        """(calibration, test)."""
        every = list(inputs)
        parts = (every[::2], every[1::2]) if self.alternate else (every[: self.calibration], every[self.calibration :])
        if (len(parts[0]), len(parts[1])) != (self.calibration, self.test):
            raise SystemExit(f"{len(every)} inputs are there, {self.calibration + self.test} are needed")
        return parts


SPLITS: dict[str, Split] = {
    "squeezenet1.1": Split(16, 8),
    "cifar10_resnet20": Split(64, 48),
    "mobilenetv2_1.0_float": Split(16, 8),
    "yolox_nano_coco": Split(8, 8),
    "waifu2x_cunet_noise0": Split(4, 3),
    "deeplabv3_mnv2_pascal_float": Split(4, 3),
    "kwt1_transformer": Split(14, 14, alternate=True),  # seconds of one recording
    "cifar10_resnet56": Split(64, 48),
    "mobilenetv2_1.0_qdq": Split(16, 8),
    "deeplabv3_mnv2_pascal_qdq": Split(4, 3),
}
"""The models, by file stem, in the order in which they are written."""


@dataclass(frozen=True)
class Edge:
    """The maps of one tensor as uint8, input by input: [inputs, *shape of one]. The value is q − `zero_point`."""

    model: str
    name: str
    op_type: str
    zero_point: int
    calibration: Array
    test: Array


@dataclass(frozen=True)
class Quantiser:
    """q = round(x / scale) + zero_point, clipped to 0…255."""

    scale: float
    zero_point: int

    @classmethod
    def spanning(cls, maps: Iterable[Array]) -> Quantiser:
        """The one whose range is that of `maps`, widened to 0."""
        spans = [(float(m.min()), float(m.max())) for m in maps]
        low, high = min(0.0, *(s[0] for s in spans)), max(0.0, *(s[1] for s in spans))
        scale = (high - low) / 255 or 1.0
        return cls(scale, round(-low / scale))

    def __call__(self, some: Array) -> Array:
        steps = np.rint(some / np.float32(self.scale)) + np.float32(self.zero_point)
        return np.clip(steps, 0, 255).astype(np.uint8)


def stored(model: Path) -> list[GraphEdge]:
    """The edges of the main graph that a fusing runtime writes to memory."""
    return [edge for edge in api.inspect(model).edges if edge.stored and not edge.scope]


def tapped(model: Path, names: Iterable[str]) -> Any:
    """A session whose model hands out these tensors too. Nothing is fused: they are what the file says."""
    import onnx
    import onnxruntime

    proto = onnx.load(model)
    known = {output.name for output in proto.graph.output}
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def unbatched(some: Array) -> Array:
    """Without the batch of 1, where there is one."""
    return some[0] if some.ndim > 1 and some.shape[0] == 1 else some


def activations(name: str) -> Iterator[Edge]:
    """The maps of every stored edge of a model of SPLITS, in node order."""
    root = shared()
    if root is None:
        raise SystemExit("no ../shared")
    model, split = root / "data" / "models" / f"{name}.onnx", SPLITS[name]
    calibration, test = split(feeds(case(name), root, split.calibration + split.test))
    edges = stored(model)
    names = [edge.name for edge in edges]
    session = tapped(model, names)
    maps: list[list[Array]] = [[] for _ in edges]  # by edge, then by input
    for feed in calibration:
        for of_edge, value in zip(maps, session.run(names, feed), strict=True):
            of_edge.append(unbatched(value))
    quantisers: list[Quantiser | None] = []
    for edge, of_edge in zip(edges, maps, strict=True):
        integer = of_edge[0].dtype.kind != "f"
        if integer and (of_edge[0].dtype != np.uint8 or edge.zero_point is None):
            raise SystemExit(f"{name}: {edge.name} is {of_edge[0].dtype}, zero point {edge.zero_point}")
        quantiser = None if integer else Quantiser.spanning(of_edge)
        quantisers.append(quantiser)
        if quantiser is not None:
            of_edge[:] = [quantiser(one) for one in of_edge]
    for feed in test:
        for of_edge, quantiser, value in zip(maps, quantisers, session.run(names, feed), strict=True):
            of_edge.append(unbatched(value) if quantiser is None else quantiser(unbatched(value)))
    for index, (edge, quantiser) in enumerate(zip(edges, quantisers, strict=True)):
        of_edge, maps[index] = maps[index], []  # freed edge by edge
        zero_point = quantiser.zero_point if quantiser is not None else edge.zero_point or 0
        parts = np.stack(of_edge[: split.calibration]), np.stack(of_edge[split.calibration :])
        yield Edge(name, edge.name, edge.producer_op, zero_point, *parts)


def dump(name: str, folder: Path) -> tuple[int, int, int]:
    """Write all edges of a model and then its index. Gives edges, values of one input, and zeros among test values."""
    folder.mkdir(parents=True, exist_ok=True)
    index_file = folder / "index.json"
    index_file.unlink(missing_ok=True)
    index: list[dict[str, Any]] = []
    zeros = values = 0
    for edge in activations(name):
        file = f"{len(index):03}.npz"
        np.savez(folder / file, cal=edge.calibration, test=edge.test, zp=edge.zero_point)
        shape = list(edge.test.shape[1:])
        index.append({"file": file, "edge": edge.name, "op": edge.op_type, "shape": shape, "zp": edge.zero_point})
        values += edge.test.size
        zeros += int(np.count_nonzero(edge.test == edge.zero_point))
    partial = folder / "index.json.partial"
    partial.write_text(json.dumps(index, indent=1) + "\n")
    partial.replace(index_file)  # whoever sees it sees all of it
    return len(index), values // SPLITS[name].test, zeros // SPLITS[name].test


def main() -> int:
    """Write the maps of the chosen models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--models", default=",".join(SPLITS), help="file stems, with commas; all without")
    asked = parser.parse_args()
    chosen: list[str] = asked.models.split(",")
    for name in chosen:
        if name not in SPLITS:
            parser.error(f"{name} is none of {', '.join(SPLITS)}")
    if shared() is None:
        print("skipped: no ../shared")
        return 0
    for name in chosen:
        begin = time.perf_counter()
        edges, values, zeros = dump(name, asked.out / name)
        line = f"{name}: {edges} edges, {values} values an input, {zeros / values:.3f} zero"
        print(f"{line}  {time.perf_counter() - begin:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
