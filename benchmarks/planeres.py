"""What planeres saves in front of each coder. DC-AC (ISCAS 2021) reports 14.2 %, of a coder that it does not name.

    python benchmarks/planeres.py [--windows 8,15] [--models squeezenet1.1,yolox_nano_coco] [--inputs 2]

On the reference maps and on real 8-bit activations of trained models (maps of planes of 8 words or more). Bits per
value of whole payloads, side data included; a map is one payload. "Where it helps" is chosen by the size itself, as a
choice on calibration data would at best. Writes benchmarks/results/planeres.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from activations import SPLITS, activations
from shared import RESULTS, machine, shared

from fmpass.codecs import native
from fmpass.codecs.chain import Chain

CODERS = ("zvc", "zrle", "ebpc", "bpc", "width", "seg", "huffman")
PUBLISHED = -14.2
LEAST_PLANE = 8

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Map:
    """One tensor, and what brings its zero to 0: the beginning of a chain text."""

    words: Array
    prefix: str
    unsigned_prefix: str


@dataclass(frozen=True)
class Row:
    """A coder on a set of maps. Bits per value; `chosen`: planeres on those edges alone where it makes them shorter."""

    maps: str
    coder: str
    window: int
    values: int
    alone: float
    with_planeres: float
    chosen: float

    @property
    def percent(self) -> float:
        """Change of the bits by planeres everywhere."""
        return 100 * (self.with_planeres / self.alone - 1)

    @property
    def chosen_percent(self) -> float:
        """Change of the bits by planeres where it helps."""
        return 100 * (self.chosen / self.alone - 1)


def oracle(root: Path) -> Iterator[list[Map]]:
    """The signed maps of the reference coders, one by one."""
    for path in sorted(root.glob("*_s8.npy")):
        yield [Map(np.load(path), "", "")]


def real(model: str, inputs: int) -> Iterator[list[Map]]:
    """Edge by edge, the test maps of the first inputs."""
    for edge in activations(model):
        shape = edge.test.shape[1:]
        if len(shape) < 3 or shape[-1] * shape[-2] < LEAST_PLANE:
            continue
        text = f"quant{{bits=8,step=1.0,zero_point={edge.zero_point},signed=%s}}|"
        yield [Map(words, text % "true", text % "false") for words in edge.test[:inputs]]


def nbytes(chain: str, words: Array) -> int:
    """Size of the payload, after a look that it is restored."""
    parsed = Chain.parse(chain)
    payload = native.encode(parsed, words)
    if not np.array_equal(native.decode(payload, parsed), words):
        raise SystemExit(f"{chain} does not restore")
    return len(payload)


def measure(label: str, edges: Iterator[list[Map]], windows: list[int]) -> list[Row]:
    """All coders on a set of edges. Without planeres a coder may take words as unsigned, where that is shorter."""
    alone: dict[str, int] = dict.fromkeys(CODERS, 0)
    sums: dict[tuple[str, int], tuple[int, int]] = {(c, w): (0, 0) for w in windows for c in CODERS}
    values = 0
    for maps in edges:
        values += sum(m.words.size for m in maps)
        for coder in CODERS:
            plain = min(
                sum(nbytes(m.prefix + coder, m.words) for m in maps),
                sum(nbytes(m.unsigned_prefix + coder, m.words) for m in maps),
            )
            alone[coder] += plain
            for window in windows:
                size = sum(nbytes(f"{m.prefix}planeres{{window={window}}}|{coder}", m.words) for m in maps)
                before = sums[coder, window]
                sums[coder, window] = (before[0] + size, before[1] + min(size, plain))
    return [
        Row(label, c, w, values, 8 * alone[c] / values, *(8 * n / values for n in both))
        for (c, w), both in sums.items()
    ]


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", default="8,15")
    parser.add_argument("--models", default=",".join(name for name in SPLITS if name != "kwt1_transformer"))
    parser.add_argument("--inputs", type=int, default=2, help="test inputs of each model")
    asked = parser.parse_args()
    windows = [int(w) for w in asked.windows.split(",")]
    root = shared()
    if root is None:
        print("skipped: no ../shared")
        return 0
    where = machine()
    rows = measure("oracle", oracle(root / "oracle"), windows)
    for model in asked.models.split(","):
        rows += measure(model, real(model, asked.inputs), windows)
        print(f"{model} done", file=sys.stderr, flush=True)
    from rich.console import Console
    from rich.table import Table

    table = Table("maps", "window", *CODERS, caption=f"% of bits by planeres (published: {PUBLISHED}). {where}")
    for label in dict.fromkeys(row.maps for row in rows):
        for window in windows:
            some = {row.coder: row for row in rows if (row.maps, row.window) == (label, window)}
            cells = [f"{some[c].alone:.2f} {some[c].percent:+.1f} ({some[c].chosen_percent:+.1f})" for c in CODERS]
            table.add_row(label, str(window), *cells)
    Console(width=None if sys.stdout.isatty() else 170).print(table)
    print("each: b/v of the coder alone, % with planeres everywhere, (% with planeres only on edges where it helps)")
    document = {
        "machine": where,
        "published_percent": PUBLISHED,
        "inputs": asked.inputs,
        "rows": [asdict(r) | {"percent": r.percent, "chosen_percent": r.chosen_percent} for r in rows],
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "planeres.json").write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
