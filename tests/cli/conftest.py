"""How tests call the command line: in this process (fast) or as a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout; fails where there is anything else."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The error document; fails where the command succeeded or said something else as well."""
        assert self.code != 0
        document = self.json
        assert set(document) == {"error"}
        assert set(document["error"]) >= {"code", "where", "problem", "hint"}
        return document["error"]


Command = Callable[..., Ended]


@pytest.fixture
def fmpass(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `fmpass WORDS…` in this process."""

    def run(*words: object) -> Ended:
        from fmpass.cli import main

        capfd.readouterr()
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return run


@pytest.fixture
def process() -> Command:
    """Run `python -m fmpass WORDS…` in a process of its own; keywords go to subprocess.run."""

    def run(*words: object, **options: Any) -> Ended:
        call = [sys.executable, "-m", "fmpass", *map(str, words)]
        done = subprocess.run(call, capture_output=True, text=True, timeout=120, **options)  # type: ignore[call-overload]
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A copy of the demo model, its samples beside it, in a folder with blanks and letters beyond ASCII in its name."""
    folder = tmp_path / "Größe 図 1"
    folder.mkdir()
    for name in ("demo.onnx", "demo_samples.npz"):
        shutil.copy(MODELS / name, folder)
    return folder / "demo.onnx"


@pytest.fixture
def few(demo: Path) -> Path:
    """Four samples for the demo model, as .npz."""
    import numpy as np

    path = demo.with_name("few.npz")
    samples = np.load(MODELS / "demo_samples.npz")
    np.savez(path, image=samples["image"][:4], labels=samples["labels"][:4])
    return path
