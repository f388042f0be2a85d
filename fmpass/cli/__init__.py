"""The `fmpass` command.

This file answers `fmpass`, `fmpass --help` and `fmpass --version` by itself: nothing that takes time to import is
touched before it is known that a command has to run.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fmpass.cli.commands import COMMANDS, RESERVED

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (default: that of the process) and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("--help", "-h"):
        print(_help())
        return 0 if words else 2
    if words[0] in ("--version", "-V"):
        print(f"fmpass {_version()}")
        return 0
    import atexit
    import gc

    from fmpass.cli.guard import guarded

    atexit.register(gc.freeze)  # no search for cycles in what dies with the process: half a second of a large model
    return guarded(words)


def _help() -> str:
    width = max(map(len, COMMANDS)) + 2
    return "\n".join(
        (
            "fmpass: compress the feature maps of an ONNX model and prove that it still computes the same",
            "",
            "usage: fmpass COMMAND [--json] [-q] [-v] …      (fmpass COMMAND --help tells more)",
            "",
            *(f"  {name:<{width}}{what}" for name, what in COMMANDS.items()),
            "",
            f"reserved for later releases: {', '.join(RESERVED)}",
            "",
            "exit codes: 0 done · 1 internal error · 2 usage · 3 nothing to gain · 4 unsupported model ·",
            "            5 verification or payload failed · 6 environment",
        )
    )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("fmpass")
    except PackageNotFoundError:
        return "(not installed)"
