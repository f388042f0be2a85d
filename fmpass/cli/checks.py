"""What `fmpass doctor` looks at. Each check gives a detail or raises; nothing here needs a model or data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fmpass.cli.output import last_place
from fmpass.errors import EnvironmentFailure, FmpassError
from fmpass.report.checks import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

_PACKAGES = ("onnxruntime", "onnx", "onnx-ir", "onnx-graphsurgeon", "numpy", "ml_dtypes", "msgspec")
_REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)\s*>=\s*([0-9.]+)\s*$")


def checks() -> Iterator[Check]:
    """All checks in order. A check that cannot be made because an earlier one failed fails with its own message."""
    yield _checked("python", _python)
    for name in _PACKAGES:
        yield _checked(name, lambda name=name: _package(name))
    yield _checked("library", _library)
    yield _checked("simd", _simd)
    yield _checked("stages", _stages)
    yield _checked("round trip", _round_trip)
    yield _checked("session", _session)


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except FmpassError as error:
        place = f"{error.where}: " if error.where else ""
        return Check(name, False, f"[{error.code}] {place}{error.problem}", error.hint)
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error} ({last_place(error)})", "please report this")


def _python() -> str:
    import platform

    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _package(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    hint = f"pip install --upgrade {name}"
    try:
        found = version(name)
    except PackageNotFoundError:
        raise EnvironmentFailure("FM594", where=name, problem="is not installed", hint=hint) from None
    least = _least_versions().get(name.lower().replace("_", "-"))
    if least and _numbers(found) < _numbers(least):
        problem = f"{found} is older than {least}, the oldest that is supported"
        raise EnvironmentFailure("FM595", where=name, problem=problem, hint=hint)
    return found


def _least_versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires("fmpass") or []
    except PackageNotFoundError:  # run from a source tree
        return {}
    found = (_REQUIREMENT.match(line.partition(";")[0]) for line in lines if "extra" not in line)
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _library() -> str:
    from fmpass.codecs import native

    version = native.version()  # loads it, and refuses one of another release
    return f"{native.path()} (version {version})"


def _simd() -> str:
    from fmpass.codecs import native

    others = [level for level in native.simd_levels() if level != native.simd_level()]
    return native.simd_level() + (f" (also here: {', '.join(others)})" if others else "")


def _stages() -> str:
    from fmpass.codecs import native, registry

    python = {stage.name: stage.format_id for stage in registry.stages()}
    library = {str(stage["name"]): stage["format_id"] for stage in native.stages()}
    if python != library:
        differing = ", ".join(sorted(python.keys() ^ library.keys()) or sorted(python))
        problem = f"package and library disagree: {differing}"
        raise EnvironmentFailure("FM596", where="stages", problem=problem, hint="build or install fmpass anew")
    return ", ".join(python)


def _round_trip() -> str:
    """Payloads of library and numpy reference compared byte for byte, on every SIMD level, and decoded again."""
    from fmpass.codecs import container, native, registry
    from fmpass.codecs.chain import Chain
    from fmpass.dtypes import of_array

    array, done = _sparse(), 0
    dtype = of_array(array)
    coders = [name for name in registry.names() if registry.kind(registry.get(name)) == "coder"]
    chains = [name for name in coders if Chain.parse(name).rejects(dtype, array.ndim) is None]
    chosen = native.simd_level()
    try:
        for level in native.simd_levels():
            native.set_simd_level(level)
            for name in chains:
                chain = Chain.parse(name)
                reference = container.encode(chain, array, 1024)
                payload = native.encode(chain, array, 1024)
                back = native.decode(payload, chain)
                if payload != reference or back.tobytes() != array.tobytes():
                    problem = "library and numpy reference give different bytes"
                    where = f"{name} on {level}"
                    raise EnvironmentFailure("FM597", where=where, problem=problem, hint="please report this")
                done += 1
    finally:
        native.set_simd_level(chosen)
    return f"library = numpy reference = original, {done} times ({', '.join(chains)})"


def _session() -> str:
    """A model of three nodes with a pair, run by onnxruntime with the library registered."""
    import onnxruntime

    import fmpass

    array = _sparse()
    session = fmpass.make_session(_model(list(array.shape)))
    result: Any = session.run(None, {"x": array})[0]
    if result.tobytes() != array.clip(0).tobytes():
        problem = "a pair gives other values than went in"
        raise EnvironmentFailure("FM597", where="onnxruntime", problem=problem, hint="please report this")
    return f"a compressed edge inside onnxruntime {onnxruntime.__version__} restores its tensor exactly"


def _sparse() -> NDArray[np.float32]:
    import numpy as np

    random = np.random.default_rng(0)
    array = random.normal(size=(1, 8, 33, 17)).astype(np.float32)
    return np.where(random.random(array.shape) < 0.6, np.float32(0), array)


def _model(shape: list[int]) -> bytes:
    from onnx import TensorProto, helper

    kind = TensorProto.FLOAT
    nodes = [
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("FmCompress", ["y"], ["payload"], domain="ai.fmpass", chain="zvc", edge="y"),
        helper.make_node(
            "FmDecompress", ["payload"], ["z"], domain="ai.fmpass", chain="zvc", edge="y", dtype=kind, shape=shape
        ),
        helper.make_node("Relu", ["z"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "doctor",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("out", kind, shape)],
        value_info=[helper.make_tensor_value_info("z", kind, shape)],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.fmpass", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
