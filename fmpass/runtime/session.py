"""A model run in onnxruntime with the operators of fmpass registered."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmpass.errors import EnvironmentFailure, FmpassError, UnsupportedModel
from fmpass.runtime.library import library_path
from fmpass.runtime.refusals import translated

if TYPE_CHECKING:
    import onnx
    import onnxruntime as ort

OLDEST = (1, 18)
"""The oldest onnxruntime that the operators work on."""

_EXCEPTIONS = (
    "EPFail",
    "EngineError",
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "ModelLoaded",
    "ModelRequiresCompilation",
    "NoModel",
    "NoSuchFile",
    "NotFound",
    "NotImplemented",
    "RuntimeException",
)

_IN_MEMORY_LIMIT = 2**31 - 1  # protobuf's limit on one message


def make_session(model: Any, *, sess_options: Any = None, **ort_kwargs: Any) -> ort.InferenceSession:
    """An `onnxruntime.InferenceSession` of `model` with the native library registered.

    `model` is a path, the bytes of a file, onnx.ModelProto, onnx_ir.Model or onnx_graphsurgeon.Graph; anything above
    2 GiB must be a path. `ort_kwargs` (`providers`, `provider_options`, …) go to onnxruntime as they are; without
    `providers` the CPU is used. Options of the caller are kept, only the library is added, however often they are used.
    Without them the memory pattern planner is off: with arenas it doubles the memory that compression saves.

    Raises EnvironmentFailure FM521 (no library), FM540 (no onnxruntime, or too old), FM541 (the model is newer than the
    runtime), UnsupportedModel FM14x with the runtime's own words, and FM3xx naming the edge of a node that is refused.
    """
    ort = runtime()
    options = sess_options
    if options is None:
        options = ort.SessionOptions()
        options.enable_mem_pattern = False
    where, source = _source(model)
    ort_kwargs.setdefault("providers", ["CPUExecutionProvider"])
    try:
        options.register_custom_ops_library(library_path())
        return ort.InferenceSession(source, options, **ort_kwargs)
    except failures() as error:
        raise explained(error, where) from error


def runtime() -> Any:
    """The onnxruntime module. Raises EnvironmentFailure FM540 where it is missing or older than `OLDEST`."""
    needed = ".".join(map(str, OLDEST))
    hint = f"pip install 'onnxruntime>={needed}'"
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise EnvironmentFailure(
            "FM540", where="onnxruntime", problem=f"it cannot be imported: {error}", hint=hint
        ) from None
    version = str(ort.__version__)
    parts = tuple(int(p) for p in version.split(".")[:2] if p.isdigit())
    if parts < OLDEST:
        raise EnvironmentFailure("FM540", where="onnxruntime", problem=f"{version} is older than {needed}", hint=hint)
    return ort


def failures() -> tuple[type[Exception], ...]:
    """The exceptions that onnxruntime raises for models and runs. They share no base of their own."""
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    known = tuple(getattr(state, name) for name in _EXCEPTIONS if hasattr(state, name))
    return (*known, RuntimeError, ValueError)


def explained(error: Exception, where: str) -> FmpassError:
    """The error for users behind one of `failures()`; see `fmpass.runtime.refusals`."""
    return translated(error, where)


def _source(model: Any) -> tuple[str, str | bytes]:
    """(name for messages, path or bytes for onnxruntime)."""
    if isinstance(model, (str, os.PathLike)):
        path = Path(os.fspath(model))
        if not path.is_file():
            raise UnsupportedModel("FM100", where=str(path), problem="there is no such file", hint="check the path")
        return path.name, str(path)
    if isinstance(model, (bytes, bytearray, memoryview)):
        return "the model", bytes(model)
    import onnx

    if isinstance(model, onnx.ModelProto):  # needs no reading, and the runtime judges it better than onnx
        where = model.graph.name or "the model"
        return where, _serialized(model, where)
    from fmpass.graph import io

    loaded = io.load(model)
    if loaded.kind == "ir":  # bytes have no folder that external data could lie in
        import onnx_ir as ir

        ir.external_data.load_to_model(loaded.model)
    return loaded.where, _serialized(loaded.to_proto(), loaded.where)


def _serialized(proto: onnx.ModelProto, where: str) -> bytes:
    from google.protobuf.message import EncodeError

    try:
        data = proto.SerializeToString()
    except (EncodeError, ValueError):  # which of them depends on the protobuf implementation
        data = b""
    if not data or len(data) > _IN_MEMORY_LIMIT:
        raise UnsupportedModel(
            "FM145", where=where, problem="it is larger than 2 GiB", hint="save it and give the path"
        )
    return data
