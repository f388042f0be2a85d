"""`fmpass doctor`."""

from __future__ import annotations

from dataclasses import asdict

from fmpass.cli.options import COMMON, Common
from fmpass.cli.output import Output

_ENVIRONMENT = 6


def main(*, common: Common = COMMON) -> int:
    """Check versions, the library, its SIMD level, and a round trip through numpy, library and onnxruntime."""
    from fmpass.cli.checks import checks
    from fmpass.report.checks import checks_view

    found = list(checks())
    ok = all(check.ok for check in found)
    document = {"ok": ok, "checks": [asdict(check) for check in found]}
    Output(common).result(document, lambda width: checks_view(found))
    return 0 if ok else _ENVIRONMENT
