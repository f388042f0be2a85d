"""Bits per value and speed of every coder, beside general compressors, published figures, targets and memcpy.

    python benchmarks/coders.py [--only maps models speed] [--models NAME…] [--coders CHAIN…] [--quick]

maps     the reference maps of EBPC's authors, each as a self-contained file
models   the 8-bit activations of trained models on inputs that calibrated nothing: one payload an edge and input
speed    a tensor of 32 MB, coders at every SIMD level with one and two threads

Headers, directories and checksums are always counted. Parts that were measured for all models and coders go to
benchmarks/results/coders.json. `--quick` takes one input a model and a tensor of 4 MB; it writes nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rates
import speeds
import targets
from peers import Peer, peers
from rates import CALIBRATED, Total
from shared import RESULTS, machine, shared
from speeds import Speed

from fmpass.codecs import native

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

PARTS = ("maps", "models", "speed")
MAPS = ("smooth_s8", "mid_s8", "late_s8", "dense_s8")
"""Those in the first table; the others are in the second."""
TENSORS = ("smooth_s8", "dense_s8")
NBYTES = 32 << 20

Rates = dict[str, dict[str, float]]
"""Coder → map or model → bits per value."""


def measure_maps(root: Path, chains: list[str], others: list[Peer], progress: Progress) -> Rates:
    """Bits per value on the reference maps, and what was published for them."""
    found: Rates = {}
    for label, array in progress.track(rates.maps(root).items(), description="reference maps"):
        for name, bpv in rates.of_map(array, chains, others).items():
            found.setdefault(name, {})[label] = bpv
    return {**found, **targets.of_maps(root)}


def measure_models(names: list[str], chains: list[str], others: list[Peer], quick: bool, bar: Progress) -> list[Total]:
    """The sums of each model."""
    totals: list[Total] = []
    for name in names:
        task = bar.add_task(f"{name}: running it", total=None)
        edges = rates.edges(name)
        totals.append(
            rates.of_model(
                name,
                chains,
                others,
                quick,
                lambda edge, task=task, edges=edges: bar.update(
                    task, advance=1, total=edges, description=f"{edge.model}: {edge.op_type}"
                ),
            )
        )
        bar.update(task, description=f"{name}: done")
    return totals


def measure_speed(
    root: Path, chains: list[str], others: list[Peer], nbytes: int, seconds: float, bar: Progress
) -> list[Speed]:
    """Every coder on every tensor; general compressors with one thread, and only those made for speed."""
    rows: list[Speed | None] = []
    levels = native.simd_levels()
    for tensor in speeds.tiled(rates.maps(root), TENSORS, nbytes):
        bench = speeds.Bench(tensor, seconds)
        rows += [bench.memcpy(threads) for threads in (1, 2)]
        for text in bar.track(chains, description=f"speed on {tensor.label}"):
            for simd in levels:
                rows += [bench.coder(text, simd, threads) for threads in (1, 2)]
            rows.append(bench.call(text))  # at the last level, the best
        fast = [peer for peer in others if not peer.slow]
        rows += [bench.peer(peer) for peer in bar.track(fast, description="general compressors")]
    return [row for row in rows if row is not None]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _in_order(names: Iterable[str]) -> list[str]:
    """As they are, but a coder stands in front of its calibrated form."""
    order = list(names)
    return sorted(order, key=lambda name: order.index(name.removesuffix(CALIBRATED)))


def _short(model: str) -> str:
    return model.removeprefix("cifar10_").partition("_")[0]


def overview(maps: Rates, models: Rates, rows: list[Speed]) -> Table:
    """One line a coder: bits per value everywhere, GB/s of one thread at the best level on the first tensor."""
    from rich.table import Table

    stems = [stem for stem in targets.MODELS.values() if any(stem in of for of in models.values())]
    labels = [label for label in MAPS if any(label in of for of in maps.values())]
    title = "Bits per value, lossless, 8-bit maps; GB/s of one thread"
    columns = [*[label.removesuffix("_s8") for label in labels], *map(_short, stems), "encode", "decode"]
    table = Table("coder", *columns, title=title)
    level = native.simd_levels()[-1]
    for name in _in_order(dict.fromkeys([*maps, *models])):
        speed = next((r for r in rows if r.coder == name and r.simd in ("", level) and r.threads == 1), None)
        gbs = (speed.encode, speed.decode) if speed else (None, None)
        known = [maps.get(name, {}).get(label) for label in labels] + [models.get(name, {}).get(s) for s in stems]
        table.add_row(name, *map(_number, known), *map(_number, gbs))
    return table


def other_maps(maps: Rates) -> Table:
    """Bits per value on the remaining reference maps."""
    from rich.table import Table

    labels = sorted({label for of in maps.values() for label in of if label.startswith("r") and label.endswith("_s8")})
    table = Table("coder", *labels, title="Bits per value on maps of a trained ResNet")
    for name, of in maps.items():
        table.add_row(name, *[_number(of.get(label)) for label in labels])
    return table


def resident(totals: list[Total]) -> Table | None:
    """What calibrated coders keep beside the model; None where there is none."""
    from rich.table import Table

    names = sorted({name for total in totals for name in total.resident_nbytes})
    table = Table("coder", *[_short(total.model) for total in totals], title="Calibrated data of a model, KiB")
    for name in names:
        table.add_row(name, *[f"{total.resident_nbytes[name] / 1024:.1f}" for total in totals])
    return table if names else None


def speed_table(rows: list[Speed]) -> Table:
    """All of it; in brackets memcpy = 1."""
    from rich.table import Table

    table = Table("coder", "tensor", "SIMD", "threads", "encode GB/s", "decode GB/s", "runs", title="Speed")
    for row in rows:
        encode, decode = row.ratios
        cells = f"{_number(row.encode)} ({_number(encode)})", f"{_number(row.decode)} ({_number(decode)})"
        simd = f"{row.simd}, new memory" if row.call else row.simd
        table.add_row(row.coder, row.tensor, simd, str(row.threads), *cells, str(row.runs))
    return table


def by_coder(totals: list[Total]) -> Rates:
    """Bits per value by coder and model."""
    found: Rates = {}
    for total in totals:
        for name, bpv in total.bpv().items():
            found.setdefault(name, {})[total.model] = bpv
    return {name: found[name] for name in _in_order(found)}


def _rounded(some: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in some.items()}


def results(maps: Rates, totals: list[Total], rows: list[Speed]) -> dict[str, list[Any]]:
    """What was measured, part by part, as JSON has it; a part that was not measured is not there."""
    models = [
        {
            "model": total.model,
            "edges": total.edges,
            "values": total.values,
            "bpv": _rounded(total.bpv()),
            "resident_nbytes": dict(total.resident_nbytes),
        }
        for total in totals
    ]
    speed = [{k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(row).items()} for row in rows]
    coded = [{"coder": name, "bpv": _rounded(of)} for name, of in maps.items()]
    return {part: some for part, some in zip(PARTS, (coded, models, speed), strict=True) if some}


def document(found: dict[str, list[Any]], where: str, before: dict[str, Any]) -> str:
    """JSON with a line for each coder, model and speed, keys in a fixed order; other parts stay as `before`."""

    def line(value: Any) -> str:
        return json.dumps(value, sort_keys=True)

    machines = {**before.get("machine", {}), **dict.fromkeys(found, where)}
    parts = {part: found.get(part, before.get(part, [])) for part in PARTS}
    body = [f' "{part}": [\n' + ",\n".join(f"  {line(row)}" for row in some) + "\n ]" for part, some in parts.items()]
    return "{\n" + ",\n".join([f' "machine": {line(machines)}', *body]) + "\n}\n"


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART")
    parser.add_argument("--models", nargs="+", choices=list(targets.MODELS.values()), metavar="MODEL")
    parser.add_argument("--coders", nargs="+", metavar="CHAIN", help="names of coders, or chains; all coders without")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a row of the speed, at least five runs")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    root = shared()
    if root is None:
        print("skipped: no ../shared")
        return 0
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    where = machine()  # before the work loads it
    parts, chains = asked.only or PARTS, asked.coders or rates.coders()
    others, missing = peers()
    for package in missing:
        print(f"left out: {package} is not installed (pip install 'fmpass[bench]')", file=sys.stderr)
    maps: Rates = {}
    totals: list[Total] = []
    rows: list[Speed] = []
    columns = TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        if "maps" in parts:
            print(f"ebpc needs the bits of its authors' model on {rates.check_ebpc(root)} maps", file=sys.stderr)
            maps = measure_maps(root, chains, others, bar)
        if "speed" in parts:
            size, seconds = (4 << 20, 0.0) if asked.quick else (NBYTES, asked.seconds)
            rows = measure_speed(root, chains, others, size, seconds, bar)
        if "models" in parts:
            names = asked.models or list(targets.MODELS.values())
            totals = measure_models(names, chains, others, asked.quick, bar)
    models = {**by_coder(totals), **targets.of_models(root)} if totals else {}
    console = Console(width=None if sys.stdout.isatty() else 200)
    shown = [overview(maps, models, rows), other_maps(maps) if maps else None, resident(totals)]
    shown.append(speed_table(rows) if rows else None)
    for table in filter(None, shown):
        table.caption = where
        console.print(table)
    if not (asked.models or asked.coders or asked.quick or missing):
        RESULTS.mkdir(parents=True, exist_ok=True)
        file = RESULTS / "coders.json"
        before = json.loads(file.read_text()) if file.is_file() else {}
        file.write_text(document(results(maps, totals, rows), where, before))
    return 0


if __name__ == "__main__":
    sys.exit(main())
