"""Build the wheel, look inside, install it into an empty environment and use it there. `python tests/wheel.py`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TAG = re.compile(r"fmpass-[0-9][^-]*-py3-none-(?!any)[a-z0-9_]+\.whl$")
LIBRARY = re.compile(r"fmpass/_native/(lib)?fmpass_ops\.(so|dylib|dll)$")
NEEDED = ("fmpass/__init__.py", "fmpass/py.typed", "fmpass/cli/__init__.py", "fmpass/codecs/presets.toml")
FOREIGN = re.compile(r"(\.(hpp|h|cc|cpp|o|pyc)$|/golden/|^(tests|models|benchmarks|docs|custom_ops)/)")


def main() -> int:
    """0 where the wheel is as it should be; the first thing that is not ends it with a sentence."""
    with tempfile.TemporaryDirectory(prefix="fmpass wheel ü ") as name:
        folder = Path(name)
        wheel = build(folder)
        look_inside(wheel)
        use(wheel, folder)
    print("the wheel is well")
    return 0


def build(folder: Path) -> Path:
    """`pip wheel` into `folder`; the tag says any Python, one platform."""
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "-w", folder, ROOT)
    wheels = list(folder.glob("*.whl"))
    require(len(wheels) == 1 and TAG.match(wheels[0].name), f"one wheel py3-none-<platform>, not {wheels}")
    print(f"built {wheels[0].name}, {wheels[0].stat().st_size} bytes")
    return wheels[0]


def look_inside(wheel: Path) -> None:
    """The library is in, sources of kernels and golden files are not, and licence and entry point are there."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry = next((n for n in names if n.endswith(".dist-info/entry_points.txt")), "")
        require(entry and "fmpass = fmpass.cli:main" in archive.read(entry).decode(), "the entry point is there")
    require(sum(bool(LIBRARY.match(n)) for n in names) == 1, "exactly one native library is in")
    require(not [n for n in NEEDED if n not in names], f"all of {NEEDED} are in")
    require(not (foreign := [n for n in names if FOREIGN.search(n)]), f"nothing else is in: {foreign}")
    require(any(re.search(r"\.dist-info/.*LICENSE$", n) for n in names), "the licence is in")


def use(wheel: Path, folder: Path) -> None:
    """Install into a new environment and run the commands far away from the source tree."""
    home, work = folder / "environment", folder / "work place"
    venv.create(home, with_pip=True)
    binaries = home / ("Scripts" if os.name == "nt" else "bin")
    run(binaries / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    work.mkdir()
    for name in ("demo.onnx", "demo_samples.npz"):
        shutil.copy(ROOT / "models" / name, work)
    doctor = fmpass(binaries, work, "doctor", "--json")
    require(doctor["ok"] is True, f"doctor: {[c for c in doctor['checks'] if not c['ok']]}")
    library = next(c["detail"] for c in doctor["checks"] if c["name"] == "library")
    require(str(home) in library, f"the library of the wheel is used, not {library}")
    rewritten = fmpass(binaries, work, "rewrite", "demo.onnx", "--data", "demo_samples.npz", "--json")
    require(rewritten["pairs"] > 0 and rewritten["verify"]["identical"] is True, f"rewrite: {rewritten}")
    require((work / "demo.fm.onnx").is_file(), "the rewritten model is where rewrite says")
    print(f"doctor: ok · rewrite: {rewritten['pairs']} pairs, identical, {rewritten['verify']['bpv']:.2f} bits a value")


def fmpass(binaries: Path, work: Path, *words: str) -> Any:
    """The JSON that a command of the new environment prints."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "FMPASS"))}
    done = subprocess.run([binaries / "fmpass", *words], cwd=work, env=clean, capture_output=True, text=True)
    require(done.returncode == 0, f"fmpass {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def run(*words: object) -> None:
    """A step whose output matters only where it fails."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    require(done.returncode == 0, f"{' '.join(map(str, words))} failed:\n{done.stdout}{done.stderr}")


def require(holds: object, what: str) -> None:
    """End with a sentence where something does not hold."""
    if not holds:
        sys.exit(f"wheel: this does not hold: {what}")


if __name__ == "__main__":
    sys.exit(main())
