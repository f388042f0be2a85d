"""`fmpass remove MODEL`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fmpass.cli.options import COMMON, Common
from fmpass.cli.output import Output


def main(
    model: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    common: Common = COMMON,
) -> int:
    """Take all pairs out of a model: the exact inverse of rewrite.

    Parameters
    ----------
    model
        An .onnx file, `-` for stdin.
    output
        Default: STEM.onnx for a STEM.fm.onnx where there is no such file, else STEM.nofm.onnx. `-` is stdout.
    """
    from rich.text import Text

    from fmpass import api
    from fmpass.cli.progress import Bar
    from fmpass.cli.streams import readable, told_on, writable

    target = writable(output, model, common)
    with Bar("removing", common), readable(model) as source:
        done = api.remove_model(source, target)
    document = {"output": str(done.output), "pairs": done.pairs}
    told = f"{done.pairs} pair{'s' * (done.pairs != 1)} removed"
    where = str(done.output or "stdout")
    Output(common).result(document, lambda width: Text.assemble(f"{told}, wrote ", (where, "cyan")), told_on(target))
    return 0
