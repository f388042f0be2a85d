"""Images for the demo model: eight kinds of marks of random colour, place, size and angle, with noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = ("disc", "ring", "square", "triangle", "cross", "stripes", "checker", "star")
SIZE = 32
NOISE = 0.06


def draw(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`count` images (count, 3, 32, 32) float32 of about −1…1 and their labels (count,) int64, classes in turn."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % len(CLASSES)
    images = np.empty((count, 3, SIZE, SIZE), np.float32)
    for index, label in enumerate(labels):
        images[index] = _image(int(label), random)
    return images, labels


def _image(label: int, random: np.random.Generator) -> NDArray[np.float32]:
    centre, radius = random.uniform(-0.2, 0.2, 2), random.uniform(0.6, 0.9)
    angle, edge = random.uniform(0, 2 * np.pi), 0.03
    grid = np.linspace(-1, 1, SIZE)
    x, y = np.meshgrid((grid - centre[0]) / radius, (grid - centre[1]) / radius)
    u, v = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    inside = 1 / (1 + np.exp(np.clip(_distance(CLASSES[label], u, v, random) / edge, -40, 40)))
    ground, ink = _colours(random)
    shade = 1 + random.uniform(-0.3, 0.3) * x + random.uniform(-0.3, 0.3) * y
    picture = ground[:, None, None] * shade * (1 - inside) + ink[:, None, None] * inside
    return (picture + random.normal(0, NOISE, picture.shape)).astype(np.float32)


def _colours(random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two colours that differ enough for a mark to be seen."""
    while True:
        ground, ink = random.uniform(-0.9, 0.9, 3), random.uniform(-0.9, 0.9, 3)
        if np.abs(ground - ink).max() > 0.8:
            return ground, ink


def _distance(
    kind: str, u: NDArray[np.float64], v: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Signed distance (about) to the outline of a mark of radius 1: negative inside."""
    r = np.hypot(u, v)
    box = np.maximum(abs(u), abs(v))
    match kind:
        case "disc":
            return r - 0.85
        case "ring":
            return abs(r - 0.75) - random.uniform(0.15, 0.22)
        case "square":
            return box - 0.75
        case "triangle":
            return np.maximum(v, np.maximum(-0.866 * u - 0.5 * v, 0.866 * u - 0.5 * v)) - 0.48
        case "cross":
            return np.maximum(np.minimum(abs(u), abs(v)) - random.uniform(0.18, 0.28), box - 0.9)
        case "stripes":
            return np.maximum(np.sin(u * random.uniform(7, 10)) * 0.15, r - 1.1)
        case "checker":
            pitch = random.uniform(4.5, 6.5)
            return np.maximum(np.sin(u * pitch) * np.sin(v * pitch) * 0.25, box - 1.0)
        case _:
            return r - (0.6 + 0.36 * np.cos(5 * np.arctan2(v, u)))
