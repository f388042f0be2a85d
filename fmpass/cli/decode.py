"""`fmpass decode X.fmc`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fmpass.cli.options import COMMON, Common
from fmpass.cli.output import Output


@dataclass(frozen=True, slots=True)
class Sink:
    """Something to write to that is no file of the system."""

    write: Callable[[bytes], int]


def main(
    payload: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    common: Common = COMMON,
) -> int:
    """Restore the tensor of a payload file.

    Parameters
    ----------
    payload
        A .fmc file as `fmpass encode` writes it.
    output
        Default: the same name ending in .npy.
    """
    import numpy as np

    from fmpass import codecs
    from fmpass.errors import PayloadError
    from fmpass.graph.files import write
    from fmpass.report.payload import payload_document, payload_view

    data = payload.read_bytes()
    try:
        header, array = codecs.peek(data), codecs.decode(data)
    except PayloadError as error:
        where = f"{payload}, {error.where}" if error.where else str(payload)
        hint = error.hint or "get the file anew from where it was written"
        raise PayloadError(error.code, where=where, problem=error.problem, hint=hint) from None
    target = output or payload.with_suffix(".npy")
    # numpy writes real files past Python and loses the reason of a failure; a bare `write` keeps it
    write(target, lambda file: np.lib.format.write_array(Sink(file.write), array, allow_pickle=False))
    document = payload_document(header, target)
    Output(common).result(document, lambda width: payload_view(document, "restored"))
    return 0
