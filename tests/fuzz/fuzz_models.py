"""Mutated models through the whole of `fmpass rewrite --no-verify`: it ends well or with a documented error.

    python tests/fuzz/fuzz_models.py [--seconds 60 | --mutants N] [--seed 0] [--one I] [--keep DIR]

Each mutant runs in a forked process with limits on time and memory, so that a crash of C++ code, an endless loop and a
memory explosion are seen and told apart. What is rewritten must also come back as it was. Mutant I of a seed is always
the same one: `--one I` runs it alone and prints how it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from mutations import mutant  # noqa: E402
from seeds import seeds  # noqa: E402
from workers import Death, Limits, Stage, run  # noqa: E402

LIMITS = Limits(seconds=20.0, nbytes=4 << 30, items=300)
"""For one mutant; real models of these sizes take a fraction of a second."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a mutant ended: "done", or the code of its error; `problem` is "" where that is allowed."""

    code: str
    problem: str = ""


class Mutants:
    """The mutants of a seed, by number."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._seeds = seeds()

    def make(self, number: int) -> tuple[str, bytes]:
        """(what was done, the bytes of the file)."""
        return mutant(random.Random(f"{self._seed}:{number}"), self._seeds)


def documented() -> frozenset[str]:
    """The codes of docs/errors.md, without those of internal errors and of wrong use."""
    text = (ROOT / "docs" / "errors.md").read_text("utf-8")
    return frozenset(re.findall(r"^\| (FM[1-5]\d\d) \|", text, re.MULTILINE))


def attempt(data: bytes, number: int, stage: Stage, allowed: frozenset[str]) -> Ending:
    """Rewrite one file as the command line does, every second one with --boundary, and take the pairs out again."""
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        names = ("model.onnx", "out.onnx" if number % 4 < 2 else "other/out.onnx", "back.onnx")
        source, target, back = (Path(folder, name) for name in names)
        target.parent.mkdir(exist_ok=True)
        source.write_bytes(data)
        flags = ["--boundary"] if number % 2 else []
        stage("rewrite")
        ending = _command(["rewrite", str(source), "-o", str(target), "--no-verify", *flags], allowed)
        if ending.code != "done" or ending.problem:
            leftovers = [p.name for p in Path(folder).rglob("*") if p not in (source, target.parent)]
            return Ending(ending.code, ending.problem or (f"left behind {leftovers}" if leftovers else ""))
        stage("remove")
        removed = _command(["remove", str(target), "-o", str(back)], allowed)
        if removed.code == "FM202" and _own(onnx.ModelProto.FromString(data)):
            return Ending("done")  # pairs that the mutation made or damaged
        if removed.code != "done":
            return Ending("done", f"cannot be removed: {removed.code} {removed.problem}")
        stage("compare")
        return Ending("done", _changed(data, back.read_bytes()))


def _command(words: list[str], allowed: frozenset[str]) -> Ending:
    from fmpass.cli import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main([*words, "--json"])
    document = json.loads(out.getvalue())
    if code == 0:
        return Ending("done")
    error = document["error"]
    if error["code"] not in allowed:
        return Ending(error["code"], f"{error['problem']} at {' < '.join(reversed(error.get('trace', [])))}")
    if error["code"] == "FM593":
        return Ending(error["code"], "more memory than a small model may take")
    if not error["problem"] or not error["hint"]:
        return Ending(error["code"], "an error without words")
    return Ending(error["code"])


def _changed(before: bytes, after: bytes) -> str:
    import onnx

    from fmpass.graph import diff

    first, second = (onnx.ModelProto.FromString(data) for data in (before, after))
    if _own(first):
        return ""  # they were there before, and are gone now
    found = list(itertools.islice(diff.differences(first, second), 3))
    return f"comes back changed: {'; '.join(found)}" if found else ""


def _own(proto: Any) -> bool:
    """Whether the file had something of ours before: pairs, or an import of their domain, which goes with the pairs."""
    from mutations import nodes

    imports = (proto, *proto.functions)
    return any(item.domain == "ai.fmpass" for item in (*nodes(proto), *(o for m in imports for o in m.opset_import)))


def fuzz(seed: int, numbers: Iterator[int], workers: int) -> dict[int, Ending]:
    """The endings of these mutants. A death is tried once more alone, so that it is not blamed on the wrong one."""
    _load_everything()
    mutants, allowed = Mutants(seed), documented()

    def work(number: int, stage: Stage) -> Ending:
        stage("mutate")
        _, data = mutants.make(number)
        return attempt(data, number, stage, allowed)

    endings: dict[int, Ending] = {}
    for number, result in run(numbers, work, workers, LIMITS):
        if isinstance(result, Death):
            for _, again in run(iter((number,)), work, 1, LIMITS):
                alone = "alone too" if isinstance(again, Death) else "not when it runs alone"
                result = Ending("DIED", f"{result.how} in {result.stage}, {alone}: {result.words[-300:]}")
        endings[number] = result
    return endings


def _load_everything() -> None:
    """Before the forks, so that each is ready at once."""
    import onnx.shape_inference  # noqa: F401
    import onnx_ir  # noqa: F401

    import fmpass.api
    import fmpass.cli.app
    import fmpass.cli.guard
    import fmpass.cli.remove
    import fmpass.cli.rewrite
    import fmpass.passes.insert  # noqa: F401


def until(seconds: float) -> Iterator[int]:
    """0, 1, 2 … until the time is over."""
    end = time.monotonic() + seconds
    return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())


def main() -> int:
    """Fuzz and print how mutants ended; 5 where one did not end as it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--mutants", type=int, help="as many, whatever the time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", type=int, metavar="I", help="only this mutant")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the mutants that failed here")
    asked = parser.parse_args()
    if asked.one is not None:
        numbers = iter((asked.one,))
    else:
        numbers = iter(range(asked.mutants)) if asked.mutants else until(asked.seconds)
    endings = fuzz(asked.seed, numbers, 1 if asked.one is not None else asked.workers)
    mutants = Mutants(asked.seed)
    for number, ending in sorted(endings.items()):
        if ending.problem or asked.one is not None:
            how, data = mutants.make(number)
            print(f"mutant {number} ({how[:160]})\n  {ending.code} {ending.problem}")
            if asked.keep is not None:
                asked.keep.mkdir(parents=True, exist_ok=True)
                (asked.keep / f"{asked.seed}-{number}.onnx").write_bytes(data)
    counts = Counter(ending.code for ending in endings.values())
    failed = sum(bool(ending.problem) for ending in endings.values())
    print(f"{len(endings)} mutants, {failed} failed: {', '.join(f'{c} {n}' for c, n in sorted(counts.items()))}")
    return 5 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
