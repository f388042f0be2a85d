"""Samples: feeds for a model that can be gone through again and again, one in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Feed = dict[str, Any]
"""Arrays by input name: what one run of the model takes."""


@dataclass(frozen=True, slots=True)
class Samples:
    """A re-iterable stream of feeds. `make` starts a new pass; nothing is kept between feeds.

    `count` is the number of feeds and `rows` the number of samples in them, None where only the end will tell;
    `labels` has one entry a sample, None without labels. `description` names the source in reports, without folders.
    """

    make: Callable[[], Iterator[Feed]]
    description: str
    count: int | None = None
    rows: int | None = None
    labels: NDArray[np.int64] | None = None

    def __iter__(self) -> Iterator[Feed]:
        return self.make()

    def __len__(self) -> int:
        if self.count is None:
            raise TypeError("the number of feeds is not known before the last one")
        return self.count

    def __length_hint__(self) -> int:
        return self.count or 0

    def __bool__(self) -> bool:  # without this, truth would ask __len__ and fail for streams
        return self.count != 0

    def take(self, feeds: int) -> Samples:
        """The first `feeds` feeds."""

        def make() -> Iterator[Feed]:
            for index, feed in enumerate(self.make()):
                if index == feeds:
                    return
                yield feed

        count = None if self.count is None else min(self.count, feeds)
        return Samples(make, self.description, count, self.rows if count == self.count else None, self.labels)
