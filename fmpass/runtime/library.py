"""Where the native library is, and the counters that its operators keep."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

Mode = Literal["off", "count", "audit"]
"""`count`: calls and bytes of each edge. `audit`: also decode every payload at once and compare it with its tensor."""


@dataclass(frozen=True, slots=True)
class EdgeCount:
    """What went over one edge since the last reset.

    `elements` and `payload_nbytes` are sums over all `calls`. `mismatches` counts calls whose payload decoded to other
    bytes than the tensor; it stays 0 unless the mode is `audit`, and for a lossy chain it says nothing about errors.
    """

    edge: str
    chain: str
    calls: int
    elements: int
    payload_nbytes: int
    mismatches: int

    @property
    def bits_per_value(self) -> float:
        """Payload bits per element, header and directory included; 0 for an edge that carried no element."""
        return 8 * self.payload_nbytes / self.elements if self.elements else 0.0


def library_path() -> str:
    """Absolute path of the native library: the environment variable FMPASS_LIBRARY, else the one in the package.

    One file for every language: onnxruntime registers it as a custom operator library, anything else calls its C ABI.
    Raises EnvironmentFailure FM521 where there is none.
    """
    from fmpass.codecs import native

    return str(native.path().resolve())


get_library_path = library_path


def enable_counters(mode: Mode) -> None:
    """Switch the counters of the whole process."""
    from fmpass.codecs import native

    native.enable_counters(mode)


def reset_counters() -> None:
    """Forget all counts; the mode stays."""
    from fmpass.codecs import native

    native.reset_counters()


def read_counters() -> tuple[EdgeCount, ...]:
    """The counts so far, ordered by edge name."""
    from fmpass.codecs import native

    return tuple(EdgeCount(**row) for row in native.counters())  # pyright: ignore[reportArgumentType]


@contextmanager
def counting(mode: Mode = "count") -> Generator[None]:
    """Counters from zero inside, off again afterwards. Read them before the next `counting`."""
    reset_counters()
    enable_counters(mode)
    try:
        yield
    finally:
        enable_counters("off")
