"""A compiler pass that compresses the feature maps of any ONNX model and proves that it still computes the same.

Names are loaded when they are first used: `import fmpass` alone imports neither onnx nor onnxruntime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmpass.api import diff, inspect, remove, rewrite, run, verify
    from fmpass.codecs import decode, encode
    from fmpass.errors import (
        EnvironmentFailure,
        FmpassError,
        NothingToGain,
        PayloadError,
        UnsupportedModel,
        UsageError,
        VerificationFailed,
    )
    from fmpass.plan import Decision, Options, Plan
    from fmpass.runtime import get_library_path, make_session

__version__ = "0.1.0"

__all__ = [
    "Decision",
    "EnvironmentFailure",
    "FmpassError",
    "NothingToGain",
    "Options",
    "PayloadError",
    "Plan",
    "UnsupportedModel",
    "UsageError",
    "VerificationFailed",
    "decode",
    "diff",
    "encode",
    "get_library_path",
    "inspect",
    "make_session",
    "remove",
    "rewrite",
    "run",
    "verify",
]

_HOMES = {
    "fmpass.api": ("diff", "inspect", "remove", "rewrite", "run", "verify"),
    "fmpass.codecs": ("decode", "encode"),
    "fmpass.errors": (
        "EnvironmentFailure",
        "FmpassError",
        "NothingToGain",
        "PayloadError",
        "UnsupportedModel",
        "UsageError",
        "VerificationFailed",
    ),
    "fmpass.plan": ("Decision", "Options", "Plan"),
    "fmpass.runtime": ("get_library_path", "make_session"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'fmpass' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
