"""`fmpass run MODEL --data D`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fmpass.cli.options import COMMON, NO_DATA, Common, DataFlags
from fmpass.cli.output import Output
from fmpass.errors import UsageError


def main(
    model: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    data: DataFlags = NO_DATA,
    common: Common = COMMON,
) -> int:
    """Run a model with the operator library registered.

    Parameters
    ----------
    model
        An .onnx file, rewritten or not.
    output
        An .npz for the outputs: NAME, or NAME/0, NAME/1 … where there is more than one feed.
    """
    from fmpass.cli.feeds import feeds
    from fmpass.cli.files import existing
    from fmpass.cli.outputs import Ran, run_feeds, run_into
    from fmpass.cli.progress import Bar
    from fmpass.graph.files import write
    from fmpass.report.run import run_document, run_view

    if data.data is None:
        hint = "for example --data random:1"
        raise UsageError("FM092", where="fmpass run", problem="needs --data", hint=hint)
    samples, ran = feeds(existing(model), data), Ran()
    with Bar("running", common) as bar:
        if output is None:
            run_feeds(model, samples, ran, bar.update)
        else:
            write(output, lambda file: run_into(file, model, samples, ran, bar.update))
    document = run_document(ran.first, ran.latency_ms, output)
    Output(common).result(document, lambda width: run_view(document, width))
    return 0
