"""`fmpass diff A B`."""

from __future__ import annotations

from pathlib import Path

from fmpass.cli.options import COMMON, Common
from fmpass.cli.output import Output

DIFFERENT = 5
"""Exit code where the models differ: found by looking, as a failed verification is; 1 would be a bug of ours."""


def main(a: Path, b: Path, /, *, common: Common = COMMON) -> int:
    """Say how two models differ: nodes, names, types, weights, metadata. Exit code 0 where they do not, else 5.

    Parameters
    ----------
    a
        An .onnx file.
    b
        Another one.
    """
    from fmpass import api
    from fmpass.cli.files import existing
    from fmpass.report.differences import differences_document, differences_view

    found = api.diff(existing(a), existing(b))
    Output(common).result(differences_document(found), lambda width: differences_view(found, width))
    return DIFFERENT if found else 0
