"""Make the demo model: draw images, train a small residual CNN in numpy, write ONNX files and a sample batch.

    python models/make_demo.py [--short] [--out FOLDER]

Writes demo.onnx (float32, opset 17, dynamic batch), demo_int8.onnx (the same network statically quantised, QDQ) and
demo_samples.npz (`image` and `labels`, never seen in training). The same machine writes the same bytes again.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from demo_export import float_model, quantised_model, save
from demo_images import CLASSES, draw
from demo_network import Adam, BatchNorm, Chain, Classifier, Conv, Relu

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 64
SAMPLES = 48


def main() -> None:
    """Parse the command line, train, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a few steps only: shows that everything works")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    args = parser.parse_args()
    epochs, per_epoch = (1, 256) if args.short else (10, 2560)
    net, head = network(np.random.default_rng(7))
    train(net, head, epochs, per_epoch)
    images, labels = draw(8 if args.short else 1024, seed=2_000_000)
    print(f"accuracy on {len(images)} fresh images: {accuracy(net, head, images, labels):.4f}")
    calibration, _ = draw(64, seed=3_000_000)
    samples, truth = draw(SAMPLES, seed=4_000_000)
    args.out.mkdir(parents=True, exist_ok=True)
    model = float_model(net, head, CLASSES)
    save(model, args.out / "demo.onnx")
    save(quantised_model(model, calibration), args.out / "demo_int8.onnx")
    np.savez_compressed(args.out / "demo_samples.npz", image=samples, labels=truth)


def network(random: np.random.Generator) -> tuple[Chain, Classifier]:
    """Stem, three residual blocks, depthwise strided convolutions in between; 16, 32 and 64 channels."""
    net = Chain(
        Conv(random, 3, 16), BatchNorm(16), Relu(),
        block(random, 16), *shrink(random, 16, 32),
        block(random, 32), *shrink(random, 32, 64),
        block(random, 64),
    )  # fmt: skip
    return net, Classifier(random, 64, len(CLASSES))


def block(random: np.random.Generator, width: int) -> Chain:
    """Two 3×3 convolutions around which the input is added."""
    first, second = Conv(random, width, width), Conv(random, width, width)
    return Chain(first, BatchNorm(width), Relu(), second, BatchNorm(width), residual=True)


def shrink(random: np.random.Generator, inputs: int, outputs: int) -> tuple[Conv | BatchNorm | Relu, ...]:
    """A depthwise 3×3 of stride 2, then a 1×1 to `outputs` channels."""
    spatial = Conv(random, inputs, inputs, stride=2, depthwise=True)
    return spatial, BatchNorm(inputs), Relu(), Conv(random, inputs, outputs, k=1), BatchNorm(outputs), Relu()


def train(net: Chain, head: Classifier, epochs: int, per_epoch: int) -> None:
    """Cross-entropy, Adam, a rate that falls as a cosine; every epoch sees newly drawn images."""
    optimiser, started, steps, done = Adam(Chain(net, head)), time.perf_counter(), epochs * (per_epoch // BATCH), 0
    for epoch in range(epochs):
        images, labels = draw(per_epoch, seed=1_000 + epoch)
        order, losses = np.random.default_rng(epoch).permutation(per_epoch), []
        for start in range(0, per_epoch - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            scores = head.forward(net.forward(images[chosen].transpose(0, 2, 3, 1), train=True), train=True)
            likelihood = np.exp(scores - scores.max(1, keepdims=True))
            likelihood /= likelihood.sum(1, keepdims=True)
            right = (np.arange(BATCH), labels[chosen])
            losses.append(-float(np.log(likelihood[right]).mean()))
            likelihood[right] -= 1
            net.backward(head.backward(likelihood / np.float32(BATCH)))
            optimiser.step(3e-3 * (0.5 + 0.5 * np.cos(np.pi * done / steps)))
            done += 1
        print(
            f"epoch {epoch + 1}/{epochs}: loss {np.mean(losses):.3f}, {time.perf_counter() - started:.0f} s", flush=True
        )


def accuracy(net: Chain, head: Classifier, images: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Fraction of images that the network names rightly."""
    scores = [
        head.forward(net.forward(images[i : i + BATCH].transpose(0, 2, 3, 1), train=False), train=False)
        for i in range(0, len(images), BATCH)
    ]
    return float((np.concatenate(scores).argmax(1) == labels).mean())


if __name__ == "__main__":
    main()
