"""Original against rewritten model: verify.py compares, result.py says what was found, inputs.py what models take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmpass.measure.inputs import input_specs
    from fmpass.measure.result import NotRun, VerifyReport
    from fmpass.measure.verify import VerifyOptions, compare

_PLACES = {
    "NotRun": "result",
    "VerifyOptions": "verify",
    "VerifyReport": "result",
    "compare": "verify",
    "input_specs": "inputs",
}

__all__ = ["NotRun", "VerifyOptions", "VerifyReport", "compare", "input_specs"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
