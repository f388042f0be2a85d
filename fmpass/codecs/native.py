"""The native library through ctypes: the same payloads as the reference, many times faster.

Loaded when first asked for: from the file that the environment variable FMPASS_LIBRARY names, else from fmpass/_native.
Its errors come as the exceptions and codes of the reference.
"""

from __future__ import annotations

import ctypes
import json
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import abi, container
from fmpass.codecs.abi import Info
from fmpass.codecs.chain import Chain
from fmpass.codecs.container import Expected
from fmpass.codecs.encoder import Encoder
from fmpass.codecs.header import Header, reject, text_of_chain
from fmpass.dtypes import by_onnx
from fmpass.errors import EnvironmentFailure, UsageError

Array = NDArray[np.generic]
Audit = Literal["off", "count", "audit"]


def path() -> Path:
    """The file of the library. Raises EnvironmentFailure FM521 with the remedy where there is none."""
    return abi.path()


def available(chain: Chain | None = None) -> bool:
    """Whether the library can be loaded and, where `chain` is given, knows all of its stages."""
    if not abi.is_there():
        return False
    if chain is None:
        return True
    return all(stage.name in _stage_names() for stage in (*chain.transforms, chain.coder))


def version() -> str:
    """The version that the library was built from."""
    return abi.library().fm_version().decode()


@cache
def _stages() -> str:
    return abi.text_of(abi.library().fm_stages_json)


@cache
def _stage_names() -> frozenset[object]:
    return frozenset(stage["name"] for stage in stages())


def stages() -> list[dict[str, object]]:
    """The library's stage table: name, format_id, kind, and fields with type, default, min and max."""
    return json.loads(_stages())


def encode(
    chain: Chain,
    array: Array,
    block_words: int | None = None,
    self_contained: bool = False,
    resident: bytes | None = None,
    threads: int = 1,
) -> bytes:
    """As `container.encode`, the same bytes. Blocks are spread over `threads` threads."""
    return Encoder().encode(chain, array, block_words, self_contained, resident, threads)


def peek(data: bytes | bytearray | memoryview) -> Header:
    """As `container.peek`."""
    view, info, why = np.frombuffer(data, np.uint8), Info(), abi.why_buffer()
    code = abi.library().fm_peek(view.ctypes.data, view.size, ctypes.byref(info), why, len(why))
    if code:
        raise abi.payload_error(code, why.value.decode(errors="replace"))
    dtype = by_onnx(info.dtype)
    if dtype is None:
        raise reject("FM307", "dtype", f"{info.dtype} is not a type that travels")
    text = ctypes.string_at(info.chain, info.chain_nbytes) if info.self_contained else b""
    return Header(
        dtype=dtype,
        shape=tuple(info.dims[: info.rank]),
        elements=info.elements,
        blocks=info.blocks,
        extents=tuple(info.extents[: info.grid_rank]),
        chain_digest=info.chain_digest,
        self_contained=bool(info.self_contained),
        chain_text=text_of_chain(text),
        side_nbytes=info.side_nbytes,
        header_nbytes=info.header_nbytes,
        nbytes=info.payload_nbytes,
    )


def decode(
    data: bytes | bytearray | memoryview,
    chain: Chain | None = None,
    expect: Expected | None = None,
    resident: bytes | None = None,
    threads: int = 1,
    out: Array | None = None,
) -> Array:
    """As `container.decode`, the same array or an error of the same code. Blocks are spread over `threads` threads.

    `out` is memory that the tensor goes to instead of new memory: an array of its type and shape, contiguous in C
    order; after an error it holds anything. Elements narrower than a byte have none.
    A self-contained payload may name stages that the library does not carry; the reference decodes it then.
    """
    header = peek(data)
    container.check_expected(header, expect)
    chain = container.resolve_chain(header, chain)
    if out is not None:
        _check_out(out, header)
    if not available(chain):
        array = container.decode(data, chain, expect, resident)
        if out is None:
            return array
        out[...] = array
        return out
    container.check_plausible(header, chain)  # before anything of the claimed size is allocated
    view, why = np.frombuffer(data, np.uint8), abi.why_buffer()
    packed = np.empty(header.tensor_nbytes, np.uint8) if out is None else out
    code = abi.library().fm_decode(
        str(chain).encode(),
        view.ctypes.data,
        view.size,
        packed.ctypes.data,
        packed.nbytes,
        abi.resident_of(resident),
        threads,
        why,
        len(why),
    )
    if code:
        raise abi.payload_error(code, why.value.decode(errors="replace"))
    if out is not None:
        return out
    return header.dtype.from_words(packed.view(header.dtype.word_dtype), header.shape)


def crc32c(data: bytes) -> int:
    """CRC32C by the library."""
    return abi.library().fm_crc32c(data, len(data))


def digest(text: str) -> int:
    """The digest of a chain text by the library. Raises UsageError FM004 where it does not parse."""
    error = ctypes.c_int()
    value = abi.library().fm_chain_digest(text.encode(), ctypes.byref(error))
    if error.value:
        raise UsageError("FM004", where=f"chain {text!r}", problem="the native library does not parse it")
    return value


def canonical(text: str) -> str:
    """The canonical form of a chain text by the library; "" where it does not parse."""
    return abi.text_of(lambda buffer, size: abi.library().fm_chain_canonical(text.encode(), buffer, size))


def check(text: str, dtype_onnx: int, rank: int = -1) -> str | None:
    """Why the library does not take this chain for tensors of this type and rank, or None."""
    why = abi.why_buffer()
    code = abi.library().fm_chain_check(text.encode(), dtype_onnx, rank, why, len(why))
    return why.value.decode(errors="replace") if code else None


def simd_level() -> str:
    """Name of the instruction set in use: scalar, avx2, avx512 or neon."""
    return abi.library().fm_simd_name(abi.library().fm_simd_level()).decode()


@cache
def simd_levels() -> tuple[str, ...]:
    """Names of the instruction sets that this machine and the library share."""
    lib = abi.library()
    current, found, number = lib.fm_simd_level(), list[str](), 0
    while (name := lib.fm_simd_name(number)) is not None:
        if lib.fm_set_simd_level(number) == 0:
            found.append(name.decode())
        number += 1
    lib.fm_set_simd_level(current)
    return tuple(found)


def set_simd_level(name: str) -> None:
    """Choose the instruction set for the whole process. Raises EnvironmentFailure FM523 where it is not there."""
    lib, number = abi.library(), 0
    while (known := lib.fm_simd_name(number)) is not None:
        if known.decode() == name and lib.fm_set_simd_level(number) == 0:
            return
        number += 1
    raise EnvironmentFailure(
        "FM523", where=name, problem="not an instruction set of this machine", hint=f"one of {', '.join(simd_levels())}"
    )


def enable_counters(mode: Audit) -> None:
    """Whether the operators count payloads for each edge; `audit` also decodes each and compares."""
    abi.library().fm_counters_enable(("off", "count", "audit").index(mode))


def reset_counters() -> None:
    """Forget all counts."""
    abi.library().fm_counters_reset()


def counters() -> list[dict[str, int | str]]:
    """Per edge, sorted by name: edge, chain, calls, elements, payload_nbytes, mismatches."""
    return json.loads(abi.text_of(abi.library().fm_counters_json))


def _check_out(out: Array, header: Header) -> None:
    """Raises UsageError FM006 where `out` cannot take the tensor."""
    fits = out.dtype == header.dtype.numpy and out.shape == header.shape and out.flags.c_contiguous
    if not fits or not out.flags.writeable or header.dtype.bits < 8:
        problem = f"{out.dtype} {list(out.shape)} cannot take {header.dtype.name} {list(header.shape)}"
        hint = "a writable array of that type and shape in C order"
        raise UsageError("FM006", where="out", problem=problem, hint=hint)
