"""Bars: on a terminal only, only after a while, on stderr, and gone at the end."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

PROGRAM = """
import sys, time
from fmpass.cli import progress
from fmpass.cli.options import Common
progress.PATIENCE_SECONDS = float(sys.argv[1])
with progress.Bar("counting sheep", Common(json="json" in sys.argv, quiet="quiet" in sys.argv)) as bar:
    for i in range(5):
        bar.update(i, 5)
        time.sleep(0.05)
"""


def on_terminal(*words: str) -> tuple[bytes, bytes]:
    """(stdout, what the terminal behind stderr got)."""
    ours, theirs = pty.openpty()
    env = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    call = [sys.executable, "-c", PROGRAM, *words]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=theirs, env=env) as running:
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            seen += piece
        assert running.stdout is not None
        out = running.stdout.read()
    os.close(ours)
    assert running.returncode == 0
    return out, seen


def test_a_bar_on_a_terminal():
    out, seen = on_terminal("0")
    assert out == b""
    assert b"counting sheep" in seen


@pytest.mark.parametrize("words", [["60"], ["0", "json"], ["0", "quiet"]])
def test_no_bar_for_what_is_quick_or_asked_to_be_quiet(words):
    assert on_terminal(*words) == (b"", b"")


def test_no_bar_where_nobody_looks():
    done = subprocess.run([sys.executable, "-c", PROGRAM, "0"], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
