"""`fmpass verify MODEL REWRITTEN`."""

from __future__ import annotations

from pathlib import Path

from fmpass.cli.options import COMMON, NO_DATA, Common, DataFlags
from fmpass.cli.output import Output
from fmpass.errors import VerificationFailed


def main(
    model: Path,
    rewritten: Path,
    /,
    *,
    runs: int | None = None,
    data: DataFlags = NO_DATA,
    common: Common = COMMON,
) -> int:
    """Run both models in onnxruntime on the same inputs; compare every restored edge and every output.

    Parameters
    ----------
    model
        The original .onnx file.
    rewritten
        What `fmpass rewrite` made of it.
    runs
        The most feeds to run; without --data, how many to generate (default 1).
    """
    from fmpass.cli.feeds import feeds
    from fmpass.cli.files import existing
    from fmpass.cli.progress import Bar
    from fmpass.measure.result import NotRun
    from fmpass.measure.verify import VerifyOptions, compare
    from fmpass.report.verification import verification_view

    samples = feeds(existing(model), data, generated=runs or 1)
    with Bar("verifying", common) as bar:
        report = compare(model, existing(rewritten), samples, VerifyOptions(runs=runs), bar.update)
    document = report.as_dict()
    failed = not isinstance(report, NotRun) and report.failure is not None
    if failed:
        document["error"] = document["failure"]
    Output(common).result(document, lambda width: verification_view(report, width))
    if isinstance(report, NotRun):
        return 0
    return VerificationFailed.exit_code if failed else 0
