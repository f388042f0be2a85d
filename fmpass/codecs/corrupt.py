"""The one error that the decoders of coders and transforms raise."""

from __future__ import annotations

from fmpass.errors import PayloadError


def corrupt(problem: str, where: str = "") -> PayloadError:
    """PayloadError FM308; the container adds which block it was."""
    return PayloadError("FM308", where=where, problem=problem, hint="the bytes were changed after they were written")
