"""Bits per value and speed of the coders on real and reference feature maps, beside memcpy and zlib.

    python benchmarks/coders.py [--seconds 0.2]

One thread, whole container (header, directory, checksums). Writes benchmarks/results/coders.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from shared import RESULTS, machine, shared

from fmpass.codecs import native, registry
from fmpass.codecs.chain import Chain
from fmpass.codecs.stage import Coder

TARGET_NBYTES = 16 << 20
"""Maps are repeated to this size for the speed, so that it is memory and not the call that is measured."""


@dataclass(frozen=True)
class Speed:
    """GB/s of tensor bytes: medians of `repeats` runs."""

    coder: str
    simd: str
    map: str
    bpv: float
    encode: float
    decode: float
    repeats: int


def repeat(work: Callable[[], Any], seconds: float) -> tuple[float, int]:
    """Median seconds of a call, and how many there were: at least five, at least `seconds` in all."""
    times: list[float] = []
    work()
    while len(times) < 5 or sum(times) < seconds:
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return median(times), len(times)


def coder_speed(name: str, simd: str, label: str, tensor: np.ndarray[Any, Any], big: Any, seconds: float) -> Speed:
    """One coder at its defaults."""
    chain = Chain.parse(name)
    bpv = 8 * len(native.encode(chain, tensor)) / tensor.size
    payload = native.encode(chain, big)
    if native.decode(payload, chain).tobytes() != big.tobytes():
        raise SystemExit(f"{name} does not restore {label}")
    encode, repeats = repeat(lambda: native.encode(chain, big), seconds)
    decode, _ = repeat(lambda: native.decode(payload, chain), seconds)
    return Speed(name, simd, label, bpv, big.nbytes / encode / 1e9, big.nbytes / decode / 1e9, repeats)


def zlib_speed(label: str, tensor: np.ndarray[Any, Any], seconds: float) -> Speed:
    """zlib at level 9 on the map itself."""
    data = tensor.tobytes()
    packed = zlib.compress(data, 9)
    encode, repeats = repeat(lambda: zlib.compress(data, 9), seconds)
    decode, _ = repeat(lambda: zlib.decompress(packed), seconds)
    return Speed(
        "zlib-9", "", label, 8 * len(packed) / tensor.size, len(data) / encode / 1e9, len(data) / decode / 1e9, repeats
    )


def memcpy_speed(big: np.ndarray[Any, Any], seconds: float) -> Speed:
    """numpy's copy into memory that is there already."""
    target = np.empty_like(big)
    copy, repeats = repeat(lambda: np.copyto(target, big), seconds)
    return Speed("memcpy", "", "", 8.0, big.nbytes / copy / 1e9, big.nbytes / copy / 1e9, repeats)


def maps(oracle: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The signed 8-bit maps of the reference coders, and one as float32."""
    found = {p.stem: np.load(p) for p in sorted(oracle.glob("*_s8.npy"))}
    name = next(iter(found))
    return {**found, f"{name} as float32": found[name].astype(np.float32) * np.float32(0.37)}


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.2)
    seconds: float = parser.parse_args().seconds
    root = shared()
    if root is None:
        print("skipped: no ../shared")
        return 0
    where = machine()  # before the work loads it
    rows: list[Speed] = []
    coders = [stage.name for stage in registry.stages() if issubclass(stage, Coder)]
    for label, tensor in maps(root / "oracle").items():
        flat = tensor.reshape(-1)
        big = np.tile(flat, max(1, TARGET_NBYTES // flat.nbytes))
        if not rows:
            rows.append(memcpy_speed(big, seconds))
        for simd in native.simd_levels():
            native.set_simd_level(simd)
            rows += [coder_speed(name, simd, label, flat, big, seconds) for name in coders]
        rows.append(zlib_speed(label, flat, seconds))
    from rich.console import Console
    from rich.table import Table

    table = Table("coder", "SIMD", "map", "b/v", "encode GB/s", "decode GB/s", "runs", caption=where)
    for row in rows:
        table.add_row(
            row.coder, row.simd, row.map, f"{row.bpv:.3f}", f"{row.encode:.2f}", f"{row.decode:.2f}", str(row.repeats)
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    RESULTS.mkdir(parents=True, exist_ok=True)
    document = {"machine": where, "rows": [asdict(row) for row in rows]}
    (RESULTS / "coders.json").write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
