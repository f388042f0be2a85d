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
        An .onnx file.
    output
        Default: STEM.onnx for a STEM.fm.onnx, else STEM.nofm.onnx, beside the model.
    """
    from rich.text import Text

    from fmpass import api
    from fmpass.cli.files import existing
    from fmpass.cli.progress import Bar

    with Bar("removing", common):
        done = api.remove_model(existing(model), output)
    document = {"output": str(done.output), "pairs": done.pairs}
    told = f"{done.pairs} pair{'s' * (done.pairs != 1)} removed"
    Output(common).result(document, lambda width: Text.assemble(f"{told}, wrote ", (str(done.output), "cyan")))
    return 0
