"""Large models: time and memory of `fmpass rewrite` as a whole process, weights that are not copied, start-up time.

    python benchmarks/scale.py [--runs 5]

Builds a model of 10,000 nodes (34 MB) and one with 2.5 GiB of external weights in a temporary folder, and removes them.
Beside the original the rewritten model refers to the same weights; in another folder they have to be copied.
Writes benchmarks/results/scale.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from shared import RESULTS, ROOT, machine

BLOCKS, CHANNELS = 2000, 46
WIDE, LAYERS = 8192, 10


@dataclass(frozen=True)
class Measured:
    """A command run `runs` times in a process of its own: medians, and the target where there is one."""

    what: str
    runs: int
    seconds: float
    cpu_seconds: float
    peak_rss_mib: float
    target_seconds: float | None = None
    target_mib: float | None = None

    @property
    def met(self) -> bool:
        """Whether no target is missed."""
        in_time = self.target_seconds is None or self.seconds <= self.target_seconds
        return in_time and (self.target_mib is None or self.peak_rss_mib <= self.target_mib)


def many_nodes(path: Path) -> None:
    """2,000 residual blocks Conv, Relu, Conv, Add, Relu: 10,000 nodes."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []
    value = "x"
    for b in range(BLOCKS):
        for part in "ab":
            kernel = rng.standard_normal((CHANNELS, CHANNELS, 1, 1), np.float32) * np.float32(0.01)
            weights.append(numpy_helper.from_array(kernel, f"w{b}{part}"))
        nodes += [
            helper.make_node("Conv", [value, f"w{b}a"], [f"c{b}a"], name=f"conv{b}a"),
            helper.make_node("Relu", [f"c{b}a"], [f"r{b}a"], name=f"relu{b}a"),
            helper.make_node("Conv", [f"r{b}a", f"w{b}b"], [f"c{b}b"], name=f"conv{b}b"),
            helper.make_node("Add", [f"c{b}b", value], [f"s{b}"], name=f"add{b}"),
            helper.make_node("Relu", [f"s{b}"], [f"r{b}"], name=f"relu{b}"),
        ]
        value = f"r{b}"
    shape = ["N", CHANNELS, 4, 4]
    graph = helper.make_graph(
        nodes,
        "many_nodes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, shape)],
        weights,
    )
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)


def much_weight(path: Path) -> Path:
    """Ten layers of 8192×8192 float32 (256 MiB each) with their weights in a file beside the model; that file."""
    import onnx
    from onnx import TensorProto, helper

    nbytes = 4 * WIDE * WIDE
    data = path.with_suffix(".data")
    nodes, weights, value = [], [], "x"
    with data.open("wb") as out:
        out.truncate(nbytes * LAYERS)  # zeros that take no room on disk, but count as any bytes to whoever reads them
        rng = np.random.default_rng(0)
        for layer in range(LAYERS):
            out.seek(layer * nbytes)
            out.write(rng.standard_normal(1 << 18, np.float32).tobytes())
            weight = TensorProto(name=f"w{layer}", data_type=TensorProto.FLOAT, dims=[WIDE, WIDE])
            weight.data_location = TensorProto.EXTERNAL
            for key, text in (("location", data.name), ("offset", layer * nbytes), ("length", nbytes)):
                weight.external_data.add(key=key, value=str(text))
            weights.append(weight)
            nodes.append(helper.make_node("MatMul", [value, f"w{layer}"], [f"m{layer}"], name=f"matmul{layer}"))
            nodes.append(helper.make_node("Relu", [f"m{layer}"], [f"r{layer}"], name=f"relu{layer}"))
            value = f"r{layer}"
    graph = helper.make_graph(
        nodes,
        "much_weight",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", WIDE])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["N", WIDE])],
        weights,
    )
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    return data


_WATCH = """
import json, os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - begin
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""
"""Runs a command from a small process: a child's peak memory begins with that of the process that started it."""


def run(what: str, arguments: Sequence[str], runs: int, seconds: float | None, mib: float | None) -> Measured:
    """`fmpass` with these arguments, `runs` times after one that warms the file cache."""
    command = [sys.executable, "-c", _WATCH, sys.executable, "-m", "fmpass", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    samples: list[list[float]] = []
    for _ in range(runs + 1):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        code, *numbers = json.loads(done.stdout)
        if code:
            raise SystemExit(f"fmpass {' '.join(arguments)} exits {code}: {done.stderr[-2000:]}")
        samples.append(numbers)
    wall, cpu, peak = (median(column) for column in zip(*samples[1:], strict=True))
    result = Measured(what, runs, wall, cpu, peak, seconds, mib)
    limits = " ".join(f"(target {t:g} {u})" for t, u in ((seconds, "s"), (mib, "MiB")) if t is not None)
    print(f"{'ok  ' if result.met else 'MISS'} {what}: {wall:.2f} s, CPU {cpu:.2f} s, {peak:.0f} MiB {limits}")
    return result


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs: int = parser.parse_args().runs
    where = machine()  # before the work loads it
    print(f"medians of {runs} processes on {where}")
    results = [run("fmpass --help", ["--help"], 2 * runs + 1, 0.3, None)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nodes = folder / "nodes.onnx"
        many_nodes(nodes)
        size = nodes.stat().st_size / 2**20
        out = ["-o", str(folder / "nodes.fm.onnx")]
        what = f"rewrite, 10,000 nodes, {size:.0f} MiB"
        results.append(run(f"{what}, --no-verify", ["rewrite", str(nodes), *out, "--no-verify"], runs, 3.0, None))
        results.append(run(f"{what}, verified", ["rewrite", str(nodes), *out], runs, None, None))
        for file in folder.iterdir():
            file.unlink()
        weights = folder / "weights.onnx"
        data = much_weight(weights)
        before = data.stat()
        same, other = folder / "weights.fm.onnx", folder / "other" / "weights.fm.onnx"
        other.parent.mkdir()
        what = f"rewrite, {data.stat().st_size / 2**30:.1f} GiB of external weights"
        begin = [str(weights), "--no-verify", "-o"]
        results.append(run(f"{what}, --no-verify", ["rewrite", *begin, str(same)], runs, None, 200))
        results.append(run(f"{what}, --no-verify, other folder", ["rewrite", *begin, str(other)], runs, None, 200))
        mine = {weights.name, same.name, data.name}
        now = data.stat()
        unchanged = (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        untouched = unchanged and {p.name for p in folder.iterdir() if p.is_file()} == mine
        copied = 0 if untouched else data.stat().st_size
        print(f"{'ok  ' if not copied else 'MISS'} bytes of weights copied beside the original: {copied}")
        results.append(run(f"{what}, verified", ["rewrite", str(weights), "-o", str(same)], min(runs, 3), None, None))
    rows = [{**asdict(r), "met": r.met} for r in results]
    document = {"machine": where, "weight_nbytes_copied": copied, "rows": rows}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "scale.json").write_text(json.dumps(document, indent=1) + "\n")
    return 0 if all(r.met for r in results) and not copied else 1


if __name__ == "__main__":
    sys.exit(main())
