"""Models run in onnxruntime with the native operators, or in onnx's reference evaluator with the numpy ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmpass.runtime.library import EdgeCount, counting, get_library_path, library_path, read_counters
    from fmpass.runtime.reference import reference_ops
    from fmpass.runtime.session import make_session

_PLACES = {
    "EdgeCount": "library",
    "counting": "library",
    "get_library_path": "library",
    "library_path": "library",
    "make_session": "session",
    "read_counters": "library",
    "reference_ops": "reference",
}

__all__ = [
    "EdgeCount",
    "counting",
    "get_library_path",
    "library_path",
    "make_session",
    "read_counters",
    "reference_ops",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
