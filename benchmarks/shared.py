"""Where the trained models, images and reference data lie, and on what machine a number was measured."""

from __future__ import annotations

import os
import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def shared() -> Path | None:
    """The folder named by FMPASS_SHARED, else `../shared` beside the checkout; None where there is none."""
    folder = Path(os.environ.get("FMPASS_SHARED", ROOT.parent / "shared"))
    return folder if (folder / "data" / "models").is_dir() else None


def machine() -> str:
    """CPU model, cores, how busy they are, and the versions that matter: the line above every table."""
    import onnxruntime

    from fmpass.codecs import native

    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    simd = native.simd_level() if native.available() else "no native library"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{cpu}, {cores} cores{load}, SIMD {simd}, onnxruntime {onnxruntime.__version__}, "
        f"Python {platform.python_version()}, {platform.system()}"
    )
