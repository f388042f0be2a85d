"""How tests call the command line: in this process (fast) or as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
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
