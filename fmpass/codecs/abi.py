"""Finding and loading the native library, and the signatures of its C ABI (custom_ops/c_api.h)."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from fmpass.codecs.header import reject
from fmpass.errors import EnvironmentFailure, FmpassError, UsageError

VARIABLE = "FMPASS_LIBRARY"

_ABI_VERSION = 2
_WHY_NBYTES = 256
_PAYLOAD_CODES = {number: f"FM30{number}" for number in range(1, 10)}  # FM_E_MAGIC … FM_E_CAPACITY
_OUT_OF_MEMORY, _UNSUPPORTED = 10, 11
_FILE = {"win32": "fmpass_ops.dll", "darwin": "libfmpass_ops.dylib"}.get(sys.platform, "libfmpass_ops.so")


class Info(ctypes.Structure):
    """`fm_info`."""

    _fields_ = [
        ("dtype", c_int32),
        ("rank", c_int32),
        ("dims", c_int64 * 32),
        ("elements", c_uint64),
        ("tensor_nbytes", c_uint64),
        ("payload_nbytes", c_uint64),
        ("header_nbytes", c_uint64),
        ("side_nbytes", c_uint32),
        ("blocks", c_uint32),
        ("raw_blocks", c_uint32),
        ("block_words", c_uint32),
        ("chain_digest", c_uint32),
        ("self_contained", c_uint32),
        ("chain", c_void_p),
        ("chain_nbytes", c_uint32),
        ("grid_rank", c_uint32),
        ("extents", c_uint32 * 3),
        ("reserved", c_uint32),
    ]


class Resident(ctypes.Structure):
    """`fm_resident`."""

    _fields_ = [("data", c_char_p), ("nbytes", c_size_t)]


def resident_of(data: bytes | None) -> Any:
    """The argument that passes resident data, or none."""
    return None if data is None else ctypes.byref(Resident(data, len(data)))


# Name → (result, arguments).
_SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "fm_abi_version": (c_uint32, []),
    "fm_version": (c_char_p, []),
    "fm_simd_level": (c_int, []),
    "fm_set_simd_level": (c_int, [c_int]),
    "fm_simd_name": (c_char_p, [c_int]),
    "fm_stages_json": (c_size_t, [c_char_p, c_size_t]),
    "fm_chain_check": (c_int, [c_char_p, c_int, c_int, c_char_p, c_size_t]),
    "fm_chain_digest": (c_uint32, [c_char_p, POINTER(c_int)]),
    "fm_chain_canonical": (c_size_t, [c_char_p, c_char_p, c_size_t]),
    "fm_encoder_new": (c_void_p, []),
    "fm_encoder_run": (
        c_int,
        [
            c_void_p,
            c_char_p,
            c_int,
            POINTER(c_int64),
            c_int,
            c_void_p,
            c_uint32,
            c_int,
            POINTER(Resident),
            c_int,
            POINTER(c_size_t),
            c_char_p,
            c_size_t,
        ],
    ),
    "fm_encoder_write": (None, [c_void_p, c_void_p]),
    "fm_encoder_free": (None, [c_void_p]),
    "fm_peek": (c_int, [c_void_p, c_size_t, POINTER(Info), c_char_p, c_size_t]),
    "fm_decode": (
        c_int,
        [c_char_p, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(Resident), c_int, c_char_p, c_size_t],
    ),
    "fm_crc32c": (c_uint32, [c_char_p, c_size_t]),
    "fm_counters_enable": (None, [c_int]),
    "fm_counters_reset": (None, []),
    "fm_counters_json": (c_size_t, [c_char_p, c_size_t]),
}


def path() -> Path:
    """The file of the library. Raises EnvironmentFailure FM521 with the remedy where there is none."""
    named = os.environ.get(VARIABLE)
    found = Path(named) if named else Path(__file__).parent.parent / "_native" / _FILE
    if not found.is_file():
        raise EnvironmentFailure(
            "FM521",
            where=str(found),
            problem="the native library is not there",
            hint=f"set {VARIABLE} to the right file" if named else "install a wheel of fmpass, or run `make install`",
        )
    return found


@cache
def library() -> ctypes.CDLL:
    """The library, loaded once. Raises EnvironmentFailure FM521 (not there) or FM522 (not loadable, another ABI)."""
    found = path()
    try:
        lib = ctypes.CDLL(str(found))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise EnvironmentFailure(
            "FM522",
            where=str(found),
            problem=f"the native library cannot be loaded: {error}",
            hint="rebuild it with `make install`, or reinstall fmpass for this machine",
        ) from error
    if lib.fm_abi_version() != _ABI_VERSION:
        raise EnvironmentFailure(
            "FM522",
            where=str(found),
            problem=f"the library has ABI {lib.fm_abi_version()}, this fmpass needs {_ABI_VERSION}",
            hint="rebuild it with `make install`, or reinstall fmpass",
        )
    return lib


def is_there() -> bool:
    """Whether the library can be loaded."""
    try:
        library()
    except EnvironmentFailure:
        return False
    return True


def why_buffer() -> ctypes.Array[ctypes.c_char]:
    """Room for the sentence that a failing function leaves."""
    return ctypes.create_string_buffer(_WHY_NBYTES)


def text_of(function: Callable[[object, int], int]) -> str:
    """The text of a function that fills a buffer and returns the size it needs, terminator included."""
    size = function(None, 0)
    while True:
        buffer = ctypes.create_string_buffer(max(size, 1))
        needed = function(buffer, len(buffer))
        if needed <= len(buffer):
            return buffer.value.decode()
        size = needed


def payload_error(code: int, text: str) -> FmpassError:
    """The exception for an FM_… code of a function that reads a payload."""
    if code in _PAYLOAD_CODES:
        where, _, problem = text.partition(": ")  # the library begins with the field or block
        return reject(_PAYLOAD_CODES[code], where, problem, "the bytes are not as they were written")
    return _environment_error(code, text)


def request_error(code: int, text: str) -> FmpassError:
    """The exception for an FM_… code of a function that writes a payload."""
    if code in (_OUT_OF_MEMORY, _UNSUPPORTED):
        return _environment_error(code, text)
    return UsageError("FM006", where="chain", problem=text, hint="see `fmpass codecs`")


def _environment_error(code: int, text: str) -> FmpassError:
    if code == _OUT_OF_MEMORY:
        return EnvironmentFailure("FM524", where="native library", problem=text, hint="free memory or smaller blocks")
    return EnvironmentFailure("FM523", where="native library", problem=text, hint="see `fmpass doctor`")
