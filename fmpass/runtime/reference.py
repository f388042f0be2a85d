"""The operators for `onnx.reference`: rewritten models without onnxruntime and without native code.

ReferenceEvaluator(model, new_ops=reference_ops()).run(None, feeds)
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import container
from fmpass.codecs.chain import Chain
from fmpass.codecs.stage import MapCoder
from fmpass.dtypes import by_onnx
from fmpass.errors import FmpassError, UnsupportedModel

Array = NDArray[np.generic]


def compress(x: Array, chain: str, block: int = 0, resident: bytes | None = None) -> Array:
    """What FmCompress puts on the edge: the payload of `x` as uint8[n]. `block` 0 is the chain's default."""
    return np.frombuffer(container.encode(Chain.parse(chain), np.asarray(x), block or None, False, resident), np.uint8)


def decompress(
    payload: Array, chain: str, dtype: int, shape: list[int] | None = None, resident: bytes | None = None
) -> Array:
    """What FmDecompress restores. `dtype` is a TensorProto.DataType, `shape` the declared dims with −1 where unknown.

    Raises PayloadError FM30x where the payload is damaged or says something else than the node.
    """
    expected = by_onnx(dtype)
    if expected is None:
        raise UnsupportedModel("FM146", where="dtype", problem=f"{dtype} is not a type that travels")
    dims = None if shape is None else tuple(shape)
    return container.decode(np.asarray(payload).tobytes(), Chain.parse(chain), (expected, dims), resident)


@cache
def reference_ops() -> list[type[Any]]:
    """Implementations of FmCompress and FmDecompress for `ReferenceEvaluator(…, new_ops=…)`."""
    from onnx.reference.op_run import OpRun

    class FmCompress(OpRun):
        op_domain = "ai.fmpass"

        def _run(self, x: Array, *resident: Array, **attributes: Any) -> tuple[Array, ...]:
            edge, given = _attributes(self, attributes)
            with _naming(edge):
                data = _resident(resident, given["chain"])
                payload = compress(x, given["chain"], given.get("block", 0), data)
            return (payload, x) if len(self.onnx_node.output) > 1 else (payload,)

    class FmDecompress(OpRun):
        op_domain = "ai.fmpass"

        def _run(self, payload: Array, *rest: Array, **attributes: Any) -> tuple[Array, ...]:
            edge, given = _attributes(self, attributes)
            with _naming(edge):
                data = _resident(rest[1:], given["chain"])  # rest[0] is the gate, which is never read
                return (decompress(payload, given["chain"], given["dtype"], given.get("shape"), data),)

    return [FmCompress, FmDecompress]


class _naming:
    """Names the edge in errors, as the native operators do."""

    def __init__(self, edge: str) -> None:
        self.edge = edge

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FmpassError):
            problem = f"{error.where}: {error.problem}"
            raise type(error)(error.code, where=f"edge '{self.edge}'", problem=problem, hint=error.hint) from error


def _attributes(op: Any, overridden: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    given = {a.name: getattr(op, a.name) for a in op.onnx_node.attribute} | overridden
    given = {name: value for name, value in given.items() if value is not None}
    return str(given.get("edge", op.onnx_node.name)), given


def _resident(inputs: tuple[Array | None, ...], chain: str) -> bytes | None:
    """The calibrated data among `inputs`: at most one, and only where the coder takes some."""
    given = [i for i in inputs if i is not None]
    if not given:
        return None
    coder = Chain.parse(chain).coder
    if len(given) > 1:
        raise UnsupportedModel("FM146", where="inputs", problem="more than one input of resident data")
    if not (isinstance(coder, MapCoder) and coder.has_model):
        raise UnsupportedModel("FM146", where="inputs", problem="resident data, which no stage of the chain takes")
    return np.asarray(given[0], np.uint8).tobytes()
