"""The demo model's layers in plain numpy: forward, backward and Adam, images as (N, H, W, C) float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float32]


class Layer(Protocol):
    """`backward` takes the gradient of the output, stores those of the parameters and returns that of the input."""

    def forward(self, x: Array, train: bool) -> Array: ...
    def backward(self, dy: Array) -> Array: ...
    def children(self) -> list[Layer]: ...


class Leaf:
    """A layer with parameters in `p` and their gradients in `g`, under the same keys."""

    def __init__(self) -> None:
        self.p: dict[str, Array] = {}
        self.g: dict[str, Array] = {}

    def children(self) -> list[Layer]:
        return []


class Conv(Leaf):
    """3×3 (one pixel of zero padding) or 1×1 convolution, weights (k, k, in, out); `depthwise`: (k, k, channels)."""

    def __init__(
        self,
        random: np.random.Generator,
        inputs: int,
        outputs: int,
        *,
        k: int = 3,
        stride: int = 1,
        depthwise: bool = False,
    ) -> None:
        super().__init__()
        self.k, self.stride, self.depthwise = k, stride, depthwise
        shape = (k, k, inputs) if depthwise else (k, k, inputs, outputs)
        fan_in = k * k if depthwise else k * k * inputs
        self.p["w"] = random.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)

    def forward(self, x: Array, train: bool) -> Array:
        edge = self.k // 2
        self.padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0))) if edge else x
        n, h, w = x.shape[0], -(-x.shape[1] // self.stride), -(-x.shape[2] // self.stride)
        self.size = (n, h, w)
        if self.depthwise:
            return np.sum([tap * self.p["w"][i, j] for i, j, tap in self._taps(self.padded)], axis=0, dtype=np.float32)
        self.columns = np.concatenate([tap for _, _, tap in self._taps(self.padded)], axis=3).reshape(n * h * w, -1)
        weights = self.p["w"].reshape(-1, self.p["w"].shape[3])
        return (self.columns @ weights).reshape(n, h, w, -1)

    def backward(self, dy: Array) -> Array:
        dx = np.zeros_like(self.padded)
        if self.depthwise:
            self.g["w"] = np.empty_like(self.p["w"])
            for (i, j, tap), (_, _, out) in zip(self._taps(self.padded), self._taps(dx), strict=True):
                self.g["w"][i, j] = np.einsum("nhwc,nhwc->c", tap, dy)
                out += dy * self.p["w"][i, j]
        else:
            flat, weights = dy.reshape(-1, dy.shape[3]), self.p["w"].reshape(-1, dy.shape[3])
            self.g["w"] = (self.columns.T @ flat).reshape(self.p["w"].shape)
            parts = np.split((flat @ weights.T).reshape(*self.size, -1), self.k * self.k, axis=3)
            for part, (_, _, out) in zip(parts, self._taps(dx), strict=True):
                out += part
        edge = self.k // 2
        return dx[:, edge:-edge, edge:-edge] if edge else dx

    def _taps(self, padded: Array) -> Iterator[tuple[int, int, Array]]:
        """The input as each weight of the window sees it: views of (N, H', W', C)."""
        _, h, w = self.size
        for i in range(self.k):
            for j in range(self.k):
                yield i, j, padded[:, i : i + self.stride * h : self.stride, j : j + self.stride * w : self.stride]


class BatchNorm(Leaf):
    """Batch normalisation over N, H, W; running statistics are what export folds into the convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.p = {"scale": np.ones(channels, np.float32), "shift": np.zeros(channels, np.float32)}
        self.mean, self.var = np.zeros(channels, np.float32), np.ones(channels, np.float32)

    def forward(self, x: Array, train: bool) -> Array:
        if train:
            mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
            self.mean += 0.1 * (mean - self.mean)
            self.var += 0.1 * (var - self.var)
        else:
            mean, var = self.mean, self.var
        self.inverse = 1 / np.sqrt(var + 1e-5)
        self.normal = (x - mean) * self.inverse
        return self.normal * self.p["scale"] + self.p["shift"]

    def backward(self, dy: Array) -> Array:
        self.g = {"scale": (dy * self.normal).sum((0, 1, 2)), "shift": dy.sum((0, 1, 2))}
        count = dy[..., 0].size
        centred = dy - self.g["shift"] / count - self.normal * (self.g["scale"] / count)
        return centred * (self.p["scale"] * self.inverse)


class Relu(Leaf):
    """max(x, 0)."""

    def forward(self, x: Array, train: bool) -> Array:
        self.positive = x > 0
        return x * self.positive

    def backward(self, dy: Array) -> Array:
        return dy * self.positive


class Chain:
    """Layers in a row; with `residual`, the input is added to the output and a ReLU follows."""

    def __init__(self, *layers: Layer, residual: bool = False) -> None:
        self.layers, self.residual, self.relu = list(layers), residual, Relu()

    def children(self) -> list[Layer]:
        return self.layers

    def forward(self, x: Array, train: bool) -> Array:
        y = x
        for layer in self.layers:
            y = layer.forward(y, train)
        return self.relu.forward(x + y, train) if self.residual else y

    def backward(self, dy: Array) -> Array:
        dy = self.relu.backward(dy) if self.residual else dy
        dx = dy
        for layer in reversed(self.layers):
            dx = layer.backward(dx)
        return dx + dy if self.residual else dx


class Classifier(Leaf):
    """Mean over the image, then a linear layer: (N, H, W, C) → (N, classes)."""

    def __init__(self, random: np.random.Generator, channels: int, classes: int) -> None:
        super().__init__()
        weights = random.normal(0, np.sqrt(1 / channels), (channels, classes)).astype(np.float32)
        self.p = {"w": weights, "b": np.zeros(classes, np.float32)}

    def forward(self, x: Array, train: bool) -> Array:
        self.area, self.pooled = x.shape[1:3], x.mean((1, 2))
        return self.pooled @ self.p["w"] + self.p["b"]

    def backward(self, dy: Array) -> Array:
        self.g = {"w": self.pooled.T @ dy, "b": dy.sum(0)}
        h, w = self.area
        spread = (dy @ self.p["w"].T)[:, None, None, :] / np.float32(h * w)
        return np.broadcast_to(spread, (len(dy), h, w, spread.shape[3]))


class Adam:
    """Adam (Kingma and Ba, 2015) over every leaf below `root`."""

    def __init__(self, root: Layer) -> None:
        self.leaves = list(_leaves(root))
        self.first = [{k: np.zeros_like(v) for k, v in leaf.p.items()} for leaf in self.leaves]
        self.second = [{k: np.zeros_like(v) for k, v in leaf.p.items()} for leaf in self.leaves]
        self.count = 0

    def step(self, rate: float) -> None:
        self.count += 1
        rate *= float(np.sqrt(1 - 0.999**self.count) / (1 - 0.9**self.count))
        for leaf, first, second in zip(self.leaves, self.first, self.second, strict=True):
            for key, gradient in leaf.g.items():
                first[key] += 0.1 * (gradient - first[key])
                second[key] += 0.001 * (gradient * gradient - second[key])
                leaf.p[key] -= np.float32(rate) * first[key] / (np.sqrt(second[key]) + 1e-8)


def _leaves(layer: Layer) -> Iterator[Leaf]:
    if isinstance(layer, Leaf):
        yield layer
    for child in layer.children():
        yield from _leaves(child)
