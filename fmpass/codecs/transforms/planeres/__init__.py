"""`planeres`: a channel plane as its difference to the earlier plane that makes it cheapest, or as it is. Lossless.

Source: the inter-plane step of "DC-AC" (ISCAS 2021): among the nearby earlier planes of a feature map the most similar
one is taken off. Its abstract names neither the reach of the search nor the measure, and both are this stage's own: the
estimated length of a code, with lengths that are fitted to the map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fmpass.codecs.fields import check, parameter
from fmpass.codecs.stage import Bound, Transform
from fmpass.codecs.transforms.planeres import reference
from fmpass.codecs.transforms.planeres.side import Layout
from fmpass.dtypes import DType, by_name

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PlaneRes(Transform):
    """Channel planes as differences to earlier ones of the same map, where that is shorter."""

    name: ClassVar[str] = "planeres"
    format_id: ClassVar[int] = 65

    window: int = parameter(8, "how many planes back a reference may lie", minimum=1, maximum=63)
    fits: int = parameter(2, "how often the lengths that planes are judged by are fitted", minimum=0, maximum=4)
    axis: int = parameter(-3, "channel axis, counted from the last", choices=(-3, -2, -1))

    def __post_init__(self) -> None:
        check(self)

    def rejects(self, dtype: DType, rank: int | None) -> str | None:
        if dtype.kind not in ("int", "uint") or dtype.bits < 8:
            return f"it takes integers of 8, 16, 32 and 64 bits, not {dtype.name}; quantise first"
        return None

    def lossless(self, dtype: DType) -> bool:
        return True

    def output_dtype(self, dtype: DType) -> DType:
        return by_name(f"int{dtype.bits}")

    def side_nbytes(self, dtype: DType, shape: tuple[int, ...]) -> int:
        return Layout.of(shape, self.axis, self.window).side_nbytes

    def forward(self, array: NDArray[np.generic]) -> tuple[NDArray[np.generic], bytes]:
        return reference.forward(self, array)

    def inverse(self, integers: NDArray[np.generic], side: bytes, dtype: DType) -> NDArray[np.generic]:
        return reference.inverse(self, integers, side, dtype)

    def bound(self, side: bytes, dtype: DType, shape: tuple[int, ...]) -> Bound:
        return Bound(0.0)


STAGE = PlaneRes
