"""Encoding by the native library in two steps, so that payloads go straight to where they stay."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs import abi, container
from fmpass.codecs.chain import Chain
from fmpass.errors import EnvironmentFailure, UsageError

Array = NDArray[np.generic]

_SELF_CONTAINED = 1

# Bytes of a given size that are not filled yet; whoever holds the only reference may fill them.
_new_bytes = ctypes.pythonapi.PyBytes_FromStringAndSize
_new_bytes.restype, _new_bytes.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_ssize_t]


class Encoder:
    """Encodes tensor after tensor; what it needs in between is allocated once. Not to be shared between threads."""

    def __init__(self) -> None:
        """Raises EnvironmentFailure FM521, FM522 where the library is not there, FM524 without memory."""
        self._lib = abi.library()
        self._handle = self._lib.fm_encoder_new()
        if self._handle is None:
            raise EnvironmentFailure("FM524", where="native library", problem="no memory", hint="free memory")

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self._lib.fm_encoder_free(self._handle)

    def encode(
        self,
        chain: Chain,
        array: Array,
        block_words: int | None = None,
        self_contained: bool = False,
        resident: bytes | None = None,
        threads: int = 1,
    ) -> bytes:
        """The payload, as `container.encode` makes it. Blocks are spread over `threads` threads."""
        packed, nbytes = self._run(chain, array, (block_words, self_contained, resident), threads)
        payload = _new_bytes(None, nbytes)
        # A copy would cost more than a fast coder does.
        self._lib.fm_encoder_write(self._handle, ctypes.cast(payload, ctypes.c_void_p))
        del packed  # it had to live until here
        return payload

    def encode_into(
        self,
        out: NDArray[np.uint8],
        chain: Chain,
        array: Array,
        resident: bytes | None = None,
        threads: int = 1,
    ) -> int:
        """Writes the payload of an edge to the beginning of `out` and says how many bytes it has.

        Raises UsageError FM006 where `out` is too small for it, or is not contiguous bytes.
        """
        packed, nbytes = self._run(chain, array, (None, False, resident), threads)
        if out.dtype != np.uint8 or not out.flags.c_contiguous or not out.flags.writeable or out.size < nbytes:
            problem = f"{out.dtype} {list(out.shape)} cannot take {nbytes} bytes"
            raise UsageError("FM006", where="out", problem=problem, hint="contiguous writable bytes, enough of them")
        self._lib.fm_encoder_write(self._handle, out.ctypes.data)
        del packed
        return nbytes

    def _run(
        self, chain: Chain, array: Array, how: tuple[int | None, bool, bytes | None], threads: int
    ) -> tuple[Any, int]:
        """(the words, which must live until the payload is written; bytes of the payload)."""
        block_words, self_contained, resident = how
        dtype = container.check_request(chain, array, block_words)
        packed = dtype.to_words(array)
        nbytes, why = ctypes.c_size_t(), abi.why_buffer()
        code = self._lib.fm_encoder_run(
            self._handle,
            str(chain).encode(),
            dtype.onnx,
            (ctypes.c_int64 * max(array.ndim, 1))(*array.shape),
            array.ndim,
            packed.ctypes.data,
            block_words or 0,
            _SELF_CONTAINED if self_contained else 0,
            abi.resident_of(resident),
            threads,
            ctypes.byref(nbytes),
            why,
            len(why),
        )
        if code:
            raise abi.request_error(code, why.value.decode(errors="replace"))
        return packed, nbytes.value
