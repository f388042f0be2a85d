"""`fmpass codecs [NAME]`."""

from __future__ import annotations

from fmpass.cli.options import COMMON, Common
from fmpass.cli.output import Output


def main(name: str | None = None, /, *, common: Common = COMMON) -> int:
    """List stages and presets; with NAME, one of them with its parameters and the text of its format.

    Parameters
    ----------
    name
        A stage or a preset.
    """
    from fmpass.report.codecs import catalogue, codecs_view

    listing = catalogue(name)
    Output(common).result(listing, lambda width: codecs_view(listing, width))
    return 0
