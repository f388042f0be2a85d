"""Bits per value of every model of the shared set on real inputs, each rewritten file proven identical.

    python benchmarks/models.py [MODEL…] [--samples 8] [--no-chains]

For each model: rewrite with the default chain, verify (ORT_DISABLE_ALL byte for byte, default level beside it), and the
b/v of other lossless chains on the same edges and samples as a baseline. Writes benchmarks/results/models.json and .md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preprocess import CASES, Case, feeds
from shared import RESULTS, machine, shared

from fmpass import api
from fmpass.data import Samples
from fmpass.measure.result import NotRun, VerifyReport
from fmpass.measure.verify import VerifyOptions, compare
from fmpass.plan import Options

CHAINS = ("raw", "zrle", "bpc", "ebpc")


@dataclass(frozen=True)
class Row:
    """One line of the table. `chains` has the b/v of every chain of CHAINS that the model's edges take."""

    model: str
    source: str
    samples: int
    edges: int
    pairs: int
    inner_pairs: int
    bpv: float | None
    full_bits: float | None
    ratio_vs_dtype: float | None
    identical: bool
    optimized_identical: bool | None
    optimized_max_abs: float | None
    held_edges: int
    failure: str
    seconds: float
    chains: dict[str, float | None]


def samples(case: Case, root: Path, count: int) -> Samples:
    """The first feeds of a case, gone through as often as needed."""

    def make() -> Iterator[dict[str, Any]]:
        return feeds(case, root, count)

    return Samples(make, case.source, count, count)


def measure(case: Case, root: Path, count: int, chains: tuple[str, ...]) -> Row:
    """Rewrite, verify, and rewrite with other chains for their sizes."""
    begin = time.perf_counter()
    model = root / "data" / "models" / f"{case.model}.onnx"
    data = samples(case, root, count)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "default.fm.onnx"
        result = api.rewrite_model(model, output)
        report = compare(model, output, data)
        if isinstance(report, NotRun):
            raise SystemExit(f"{case.model}: not run: {report.reason}")
        others: dict[str, float | None] = {}
        for chain in chains:
            other = Path(folder) / f"{chain}.fm.onnx"
            api.rewrite_model(model, other, options=Options(chain=chain))
            sizes = compare(model, other, data, VerifyOptions(optimized=False))
            others[chain] = sizes.bpv if isinstance(sizes, VerifyReport) and sizes.identical else None
    stored = [e for e in report.edges if e.stored]
    paired = [e for e in report.edges if e.chain]
    full = report.bpv * report.ratio_vs_dtype if report.bpv and report.ratio_vs_dtype else None
    return Row(
        model=case.model,
        source=case.source,
        samples=report.samples,
        edges=len(stored),
        pairs=result.pairs,
        inner_pairs=sum(bool(e.scope) for e in paired),
        bpv=report.bpv,
        full_bits=full,
        ratio_vs_dtype=report.ratio_vs_dtype,
        identical=report.identical,
        optimized_identical=report.optimized.identical if report.optimized else None,
        optimized_max_abs=report.optimized.max_abs if report.optimized else None,
        held_edges=report.held,
        failure="" if report.failure is None else f"{report.failure.where}: {report.failure.problem}",
        seconds=time.perf_counter() - begin,
        chains=others,
    )


HEADER = ("model", "edges", "pairs", "samples", "bits", "b/v", "ratio", *CHAINS, "identical", "default level")


def cells(row: Row) -> tuple[str, ...]:
    """A row as text."""

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    level = "identical" if row.optimized_identical else f"≤ {row.optimized_max_abs:.1e}"
    return (
        row.model,
        str(row.edges),
        f"{row.pairs}" + (f" ({row.inner_pairs} in bodies)" if row.inner_pairs else ""),
        str(row.samples),
        number(row.full_bits),
        number(row.bpv),
        number(row.ratio_vs_dtype),
        *(number(row.chains.get(chain)) for chain in CHAINS),
        "yes" if row.identical else f"NO {row.failure}",
        level,
    )


NOTES = """\
`b/v` is payload bits per element over all stored edges, headers, directories and checksums included; an edge left
alone counts at its full width (`bits`). `raw` … `ebpc` are the same edges with that chain, a pair wherever it takes the
type. Batch 1, the first samples of each set. `identical`: at ORT_DISABLE_ALL every restored edge and every output is
equal byte for byte; `default level`: the outputs at onnxruntime's default optimisation level, where pairs change which
fusions happen.
"""


def markdown(rows: list[Row], where: str) -> str:
    """The table as a page."""
    lines = ["# Bits per value of real models, lossless, default chain", "", f"Measured on {where}.", "", NOTES]
    lines += [f"| {' | '.join(HEADER)} |", f"|{'---|' * len(HEADER)}"]
    lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="file stems; all without")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--no-chains", action="store_true", help="leave the baseline chains out")
    asked = parser.parse_args()
    root = shared()
    if root is None:
        print("skipped: no ../shared")
        return 0
    from rich.console import Console
    from rich.table import Table

    where = machine()  # before the work loads it
    known = {case.model: case for case in CASES}
    chosen = [known[name] for name in asked.models] or list(CASES)
    rows: list[Row] = []
    for case in chosen:
        row = measure(case, root, asked.samples, () if asked.no_chains else CHAINS)
        rows.append(row)
        print(f"{len(rows)}/{len(chosen)} {' · '.join(cells(row))}  {row.seconds:.1f} s", file=sys.stderr)
    table = Table(*HEADER, title="Bits per value, lossless", caption=where)
    for row in rows:
        table.add_row(*cells(row))
    Console(width=None if sys.stdout.isatty() else 190).print(table)
    if not asked.models:
        RESULTS.mkdir(parents=True, exist_ok=True)
        document = {"machine": where, "samples": asked.samples, "rows": [asdict(row) for row in rows]}
        (RESULTS / "models.json").write_text(json.dumps(document, indent=1) + "\n")
        (RESULTS / "models.md").write_text(markdown(rows, where))
    return 0 if all(row.identical for row in rows) else 5


if __name__ == "__main__":
    sys.exit(main())
