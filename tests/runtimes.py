"""The operator tests on several onnxruntimes with one library: `python tests/runtimes.py 1.18 1.20 1.23 newest`.

Each version gets a virtual environment of its own under build/runtimes/, made at the first call and used again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "runtimes"
# The old runtimes have wheels up to Python 3.12, the newest from 3.11 on.
INTERPRETER = shutil.which("python3.11") or sys.executable
SUMMARY = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")


@dataclass(frozen=True)
class Outcome:
    """How the tests went on one runtime. `returncode` is that of pytest, or 1 where there was no environment."""

    runtime: str
    returncode: int
    counts: dict[str, int]
    seconds: float
    log: str


def python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def requirements(version: str) -> list[str]:
    """What the environment needs: fmpass's own dependencies, the runtime asked for, and pytest."""
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert block, "pyproject.toml lists no dependencies"
    rest = [r for r in re.findall(r'"([^"]+)"', block[1]) if not r.startswith("onnxruntime")]
    exact = "onnxruntime" if version == "newest" else f"onnxruntime=={version}.*"
    return [exact, *rest, "pytest>=8"]


def environment(version: str) -> Path:
    """The interpreter of the environment for `version`. A mark tells a finished environment from a broken one."""
    folder = PLACE / version
    python, mark, wanted = python_of(folder), folder / ".complete", "\n".join(requirements(version))
    if not (mark.is_file() and mark.read_text("utf-8") == wanted):
        print(f"making {folder.relative_to(ROOT)} …", flush=True)
        subprocess.run([INTERPRETER, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements(version)], check=True)
        mark.write_text(wanted, "utf-8")
    return python


def library() -> Path:
    """A copy of the library, so that all runtimes see the same bytes whatever is built meanwhile."""
    built = Path(os.environ.get("FMPASS_LIBRARY") or ROOT / "fmpass" / "_native" / "libfmpass_ops.so")
    if not built.is_file():
        sys.exit(f"{built} is not there: run `make install` first")
    PLACE.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(built, PLACE / built.name))


def test(version: str, arguments: list[str], native: Path) -> Outcome:
    start = time.monotonic()
    try:
        python = environment(version)
    except subprocess.CalledProcessError as error:
        return Outcome(version, 1, {}, time.monotonic() - start, f"no environment: {error}")
    query = "import onnxruntime; print(onnxruntime.__version__)"
    exact = subprocess.run([str(python), "-c", query], capture_output=True, text=True).stdout.strip()
    command = [str(python), "-m", "pytest", "-q", "-m", "runtime", "-p", "no:cacheprovider", "tests/runtime"]
    paths = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "FMPASS_LIBRARY": str(native)}
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=os.environ | paths, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    log = done.stdout.decode("utf-8", "replace")
    last = log.strip().splitlines()[-1] if log.strip() else ""
    counts = {kind.rstrip("s") if kind.startswith("error") else kind: int(n) for n, kind in SUMMARY.findall(last)}
    return Outcome(exact or version, done.returncode, counts, time.monotonic() - start, log)


def show(outcomes: list[Outcome]) -> None:
    print(f"\n{'onnxruntime':<12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for one in outcomes:
        failed = one.counts.get("failed", 0) + one.counts.get("error", 0)
        verdict = "" if one.returncode == 0 else "  FAILED"
        passed, skipped = one.counts.get("passed", 0), one.counts.get("skipped", 0)
        print(f"{one.runtime:<12} {passed:>7} {failed:>7} {skipped:>8} {one.seconds:>8.1f}{verdict}")
    for one in outcomes:
        reasons = sorted(set(re.findall(r"^SKIPPED \[\d+\] [^:]+:\d+: (.+)$", one.log, re.MULTILINE)))
        for reason in reasons:
            print(f"  skipped on {one.runtime}: {reason}")


def main(arguments: list[str]) -> int:
    """Arguments: versions `1.18` or `newest`, then anything for pytest after `--`. 0 where every runtime passes."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    versions, rest = arguments[:cut], arguments[cut + 1 :]
    if not versions or any(not re.fullmatch(r"newest|\d+\.\d+", v) for v in versions):
        print(__doc__, file=sys.stderr)
        return 2
    native = library()
    outcomes: list[Outcome] = []
    for version in versions:
        outcomes.append(test(version, rest, native))
        if outcomes[-1].returncode:
            print(f"---- onnxruntime {outcomes[-1].runtime}\n{outcomes[-1].log}", flush=True)
    show(outcomes)
    return int(any(one.returncode for one in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
