"""Least squares over the taps of a group of lanes: one Gram matrix, from which every fit is solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmpass.codecs.coders.crans.windows import Windows

Floats = NDArray[np.float64]

FEATURES = 7
"""Of each lane: C W E N MED, which a reference offers, and NW NE besides."""
OF_REFERENCE = 5
_OWN = np.array([1, 3, 5, 6, 4])
"""W N NW NE MED of the lane itself, in the order of the model's weights."""

RIDGE = 0.05
"""Of each pixel: low, since smooth maps need large weights of opposite signs."""
PRIOR = 8.0
"""Pixels that the weights which all lanes share are worth."""

_CHUNK, _PIECE = 4096, 256


def features(windows: Windows, core: NDArray[np.int64]) -> NDArray[np.float32]:
    """(7 · lanes + 1, pixels) features of pixels `core`, less the lane's mean; the last is one."""
    values, pitch = windows.values, windows.pitch
    found = np.empty((windows.lanes * FEATURES + 1, len(core)), np.float32)
    found[-1] = 1
    for lane in range(windows.lanes):
        row = values[lane].astype(np.float32)
        at = FEATURES * lane
        middle, w, n, nw, ne = (row[core - s] for s in (0, 1, pitch, pitch + 1, pitch - 1))
        low, high = np.minimum(w, n), np.maximum(w, n)
        found[at : at + FEATURES] = middle, w, row[core + 1], n, low + high - np.clip(nw, low, high), nw, ne
    return found


def center(found: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtracts the mean of each lane from its features, in place; the means (lanes,)."""
    lanes = found[:-1].reshape(-1, FEATURES, found.shape[1])
    means = lanes[:, 0].mean(axis=1)
    lanes -= means[:, None, None]
    return means


@dataclass(frozen=True)
class Gram:
    """Products (features, features) of centred features, summed over `pixels`."""

    products: Floats
    pixels: int

    @property
    def lanes(self) -> int:
        """Lanes of the group."""
        return len(self.products) // FEATURES


def gram(found: NDArray[np.float32]) -> Gram:
    """The Gram matrix of centred features."""
    total = np.zeros((len(found), len(found)))
    for at in range(0, found.shape[1], _CHUNK):
        part = found[:, at : at + _CHUNK]
        total += part @ part.T
    return Gram(total, found.shape[1])


def products(one: NDArray[np.float32], other: NDArray[np.float32]) -> Floats:
    """(rows, other rows) products of few rows, summed over pixels in pieces so small that no library starts threads."""
    whole = one.shape[1] // _PIECE * _PIECE
    pieces = [a[:, :whole].reshape(len(a), -1, _PIECE).transpose(1, 0, 2) for a in (one, other)]
    found = np.matmul(pieces[0], pieces[1].transpose(0, 2, 1)).sum(axis=0, dtype=np.float64)
    return found + one[:, whole:] @ other[:, whole:].T


def own(lanes: int) -> NDArray[np.int64]:
    """(lanes, 6) features of each lane's own taps, and one."""
    at = FEATURES * np.arange(lanes)[:, None] + _OWN
    return np.concatenate([at, np.full((lanes, 1), lanes * FEATURES)], axis=1)


class Fits:
    """Least squares of every lane over features that grow: its own first, then references one by one."""

    def __init__(self, gram: Gram) -> None:
        self.gram = gram
        products, count = gram.products, gram.lanes
        self.targets = FEATURES * np.arange(count)
        taps = own(count)
        self.taps = list(taps)
        blocks = products[taps[:, :, None], taps[:, None, :]]
        right = products[taps, self.targets[:, None]]
        self.shared = np.linalg.solve(ridged(blocks.sum(axis=0), gram.pixels * count), right.sum(axis=0))
        # What the shared weights leave, as if it were the target: (lanes, features), and its square.
        self.left = products[self.targets] - np.einsum("t,ctf->cf", self.shared, products[taps])
        square = products[self.targets, self.targets] - 2 * (right @ self.shared)
        self.square = square + np.einsum("i,cij,j->c", self.shared, blocks, self.shared)

    def solve(self, lane: int) -> Floats:
        """Weights of the lane's taps."""
        taps = self.taps[lane]
        block = ridged(self.gram.products[np.ix_(taps, taps)], self.gram.pixels)
        weights = np.linalg.solve(block, self.left[lane, taps])
        weights[: len(self.shared)] += self.shared
        return weights


def ridged(block: Floats, total: float, pixels: float | None = None) -> Floats:
    """Products of taps with what keeps their weights small, or near those that all lanes share.

    They are summed over pixels of weight `total`, which tell as much as so many `pixels` of one weight.
    """
    found = block.copy()
    at = np.arange(block.shape[-1])
    strength = RIDGE * total + block[..., at, at] * (PRIOR / (pixels or total))
    found[..., at, at] += strength + 1e-6
    return found


def gains(fits: Fits, taps: NDArray[np.int64], lanes: NDArray[np.int64]) -> Floats:
    """(lanes, all lanes) bits a pixel that another lane as a reference saves lanes that have `taps` (lanes, t)."""
    products, pixels, count = fits.gram.products, fits.gram.pixels, fits.gram.lanes
    offers = FEATURES * np.arange(count)[:, None] + np.arange(OF_REFERENCE)
    offered = offers.reshape(-1)
    cross = products[taps[:, :, None], offered]
    right = np.take_along_axis(fits.left[lanes], taps, axis=1)
    blocks = ridged(products[taps[:, :, None], taps[:, None, :]], pixels)
    solved = np.linalg.solve(blocks, np.concatenate([cross, right[:, :, None]], axis=2))
    base = fits.square[lanes] - (right * solved[:, :, -1]).sum(axis=1)
    # What the taps leave of every reference's features, and what those tell of what the taps leave of the target.
    shape = (len(lanes), -1, count, OF_REFERENCE)
    inside = ridged(products[offers[:, :, None], offers[:, None, :]], pixels)
    explained = np.einsum("ltri,ltrj->lrij", cross.reshape(shape), solved[:, :, :-1].reshape(shape), optimize=True)
    rest = fits.left[lanes][:, offered] - np.einsum("lto,lt->lo", solved[:, :, :-1], right)
    rest = rest.reshape(len(lanes), count, OF_REFERENCE)
    own_lane = (np.arange(count) == lanes[:, None])[:, :, None, None]
    schur = np.where(own_lane, np.eye(OF_REFERENCE), inside - explained)
    saved = (rest * np.linalg.solve(schur, rest[..., None])[..., 0]).sum(axis=-1)
    before = np.maximum(base / pixels, 1e-3)[:, None]
    after = np.maximum(before - np.maximum(saved, 0) / pixels, 1e-3)
    return 0.5 * (np.log2(before + 0.08) - np.log2(after + 0.08))
