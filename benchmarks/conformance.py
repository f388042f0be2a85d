"""onnx's own backend test cases, rewritten and compared with plain onnxruntime, bit for bit.

    python benchmarks/conformance.py [--sample 8 --seed 0] [--workers 2] [--only GLOB] [--operators] [-o FILE]

For each case: run it in plain onnxruntime, put pairs on all edges and on inputs and outputs, run that, compare outputs
byte for byte (both at ORT_DISABLE_ALL), let the operators compare every restored edge, let the product verify it too,
take the pairs out again and compare with the original. Exits 5 where anything is different, crashes, or does not come
back as it was. The run over all cases writes benchmarks/results/conformance.json, unless it is one of a sample.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import corpus
from case_check import CRASH, HELD, IDENTICAL, NO_EDGE, OUTCOMES, RANDOM, REFUSED, Outcome, check, operators
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from shared import RESULTS
from workers import Death, Limits, run

PLAIN_STAGES = ("reading", "plain onnxruntime")


def run_cases(cases: Sequence[corpus.Case], workers: int, seconds: float) -> list[Outcome]:
    """The outcome of every case, in their order; a bar on stderr where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    outcomes: dict[int, Outcome] = {}
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("cases", total=len(cases))
        work = run(iter(range(len(cases))), lambda i, stage: check(cases[i], stage), workers, Limits(seconds))
        for index, result in work:
            outcomes[index] = died(cases[index], result) if isinstance(result, Death) else result
            bar.advance(task)
    return [outcomes[index] for index in range(len(cases))]


def died(case: corpus.Case, death: Death) -> Outcome:
    """The outcome of a case that ended its process. Where only plain onnxruntime had run, the fault is not ours."""
    plain = death.stage == PLAIN_STAGES[1]
    reason = f"{death.how} while {death.stage or 'starting'}: {death.words}"
    ops = operators(case.model())
    return Outcome(case.name, case.kind, ops, "refuses" if plain else "", REFUSED if plain else CRASH, reason)


def document(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What is written: totals, the table by operator, and every case that is not simply identical, with its reason."""
    import onnx
    import onnxruntime

    digests = "".join(o.digest for o in outcomes)
    return {
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        "cases": len(outcomes),
        "node_cases_of_several_nodes": sum(o.nodes > 1 for o in outcomes if o.kind == "node"),
        "pairs": sum(o.pairs for o in outcomes),
        "rewritten_sha256": hashlib.sha256(digests.encode()).hexdigest(),
        "outcomes": tally(outcomes),
        "plain_onnxruntime": dict(sorted(Counter(o.plain for o in outcomes).items())),
        "round_trip_failures": sum(bool(o.round_trip) for o in outcomes),
        "by_kind": {kind: tally([o for o in outcomes if o.kind == kind]) for kind in corpus.KINDS},
        "by_operator": {op: tally(found) for op, found in by_operator(outcomes).items()},
        "other_values_in_plain_onnxruntime": [o.name for o in outcomes if o.plain == "other values"],
        "refused": {o.name: o.reason for o in outcomes if o.outcome == REFUSED},
        "no_eligible_edge": {o.name: o.reason for o in outcomes if o.outcome == NO_EDGE},
        "not_deterministic": {o.name: o.reason for o in outcomes if o.outcome == RANDOM},
        "identical_at_16_bits": {o.name: o.reason for o in outcomes if o.outcome == HELD},
        "failures": [asdict(o) for o in outcomes if o.failed],
    }


def tally(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Cases by outcome, in the order of OUTCOMES, without those that nobody had."""
    counts = Counter(o.outcome for o in outcomes)
    return {outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]}


def by_operator(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes of the cases that have an operator; a case counts for each of its operators."""
    names = sorted({op for o in outcomes for op in o.ops})
    return {name: [o for o in outcomes if name in o.ops] for name in names}


def show(outcomes: Sequence[Outcome], console: Console, operators_too: bool) -> None:
    """Print totals, on demand the table by operator, the reasons of refusals in short, and all failures."""
    console.print(_table("Cases by kind", {k: [o for o in outcomes if o.kind == k] for k in corpus.KINDS}, outcomes))
    if operators_too:
        console.print(_table("Cases by operator", by_operator(outcomes), None))
    for outcome in (REFUSED, NO_EDGE, HELD, RANDOM):
        reasons = Counter(_short(o.reason) for o in outcomes if o.outcome == outcome)
        if reasons:
            console.print(f"\n[bold]{outcome}[/]: {sum(reasons.values())} cases")
            for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:8]:
                console.print(f"  {count:4}  {reason}", markup=False, highlight=False)
            if len(reasons) > 8:
                console.print(f"        and {len(reasons) - 8} more reasons, all in the JSON file")
    for o in outcomes:
        if o.failed:
            console.print(f"[red]{o.outcome}[/] {o.kind} {o.name}: {o.reason} {o.round_trip}", highlight=False)


def _table(title: str, rows: dict[str, list[Outcome]], total: Sequence[Outcome] | None) -> Table:
    table = Table("", "cases", "pairs", *OUTCOMES, "way back failed", title=title)
    entries = [*rows.items(), *([("all", list(total))] if total is not None else [])]
    for name, found in entries:
        counts = tally(found)
        cells = [len(found), sum(o.pairs for o in found), *(counts.get(outcome, 0) for outcome in OUTCOMES)]
        table.add_row(name, *(str(c or "·") for c in (*cells, sum(bool(o.round_trip) for o in found))))
    return table


def _short(reason: str) -> str:
    """The kind of a reason: without the runtime's prefix, names and numbers in it."""
    text = reason.split(" : ", 3)[-1] if reason.startswith("[ONNXRuntimeError]") else reason
    for mark in ("'", '"', " Status Message", ". node", " Node:"):
        text = text.partition(mark)[0] if len(text.partition(mark)[0]) > 25 else text
    return text[:100]


def main() -> int:
    """Run, print, write; 0 or 5."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, metavar="N", help="one case in N")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=120, help="that a case may take")
    parser.add_argument("--only", metavar="GLOB", help="cases of these names")
    parser.add_argument("--kind", choices=corpus.KINDS, action="append")
    parser.add_argument("--operators", action="store_true", help="print the table by operator too")
    parser.add_argument("-o", "--output", type=Path, help="write the JSON document here")
    asked = parser.parse_args()
    cases = corpus.cases(asked.kind or corpus.KINDS)
    cases = [case for case in cases if asked.only is None or fnmatchcase(case.name, asked.only)]
    cases = corpus.sampled(cases, asked.sample, asked.seed) if asked.sample else cases
    outcomes = run_cases(cases, asked.workers, asked.seconds)
    show(outcomes, Console(width=None if sys.stdout.isatty() else 170), asked.operators)
    everything = not (asked.sample or asked.only or asked.kind)
    target = asked.output or (RESULTS / "conformance.json" if everything else None)
    if target is not None:
        target.write_text(json.dumps(document(outcomes), indent=1, ensure_ascii=False) + "\n", "utf-8")
    failed = sum(o.failed for o in outcomes)
    print(f"{len(outcomes)} cases, {sum(o.outcome == IDENTICAL for o in outcomes)} identical, {failed} failed")
    return 5 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
