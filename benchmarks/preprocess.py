"""Real inputs for every model of the shared set, prepared as each model was trained.

`feeds(model, count)` gives what one run of the model takes, batch 1. Recurrent models get the state that their own
previous run gave; each pass starts from silence.
"""

from __future__ import annotations

import csv
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Feed = dict[str, Array]


@dataclass(frozen=True, slots=True)
class Case:
    """One model and its inputs. `make(data, model_path)` streams feeds; `source` says what they are."""

    model: str
    make: Callable[[Path, Path], Iterator[Feed]]
    source: str


def _pictures(folder: Path) -> Iterator[Path]:
    return iter(sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png")))


def _imagenet(data: Path) -> Iterator[Path]:
    with (data / "images/imagenet_val_acuity227/labels.csv").open() as table:
        for row in csv.DictReader(table):
            path = data / "images/imagenet_val_acuity227" / row["file"]
            if path.is_file():
                yield path


def _coco(data: Path) -> Iterator[Path]:
    return _pictures(data / "images/coco_kazuhito")


def _rgb(path: Path, size: tuple[int, int] | None = None) -> Array:
    """HWC float32 0…255, bilinearly stretched to (height, width)."""
    from PIL import Image

    with Image.open(path) as picture:
        picture = picture.convert("RGB")
        if size is not None and picture.size != (size[1], size[0]):
            picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        return np.asarray(picture, np.float32)


def _nchw(hwc: Array) -> Array:
    return np.ascontiguousarray(hwc.transpose(2, 0, 1)[None])


def squeezenet(data: Path, model: Path, dtype: type = np.float32) -> Iterator[Feed]:
    for path in _imagenet(data):
        bgr = _rgb(path, (227, 227))[:, :, ::-1] - np.array([104, 117, 123], np.float32)
        yield {"data": _nchw(bgr).astype(dtype)}


def centred(
    data: Path, model: Path, name: str, size: tuple[int, int], centre: float, images: Callable[[Path], Iterator[Path]]
) -> Iterator[Feed]:
    """RGB stretched to `size`, (x − centre) / 128."""
    for path in images(data):
        yield {name: _nchw((_rgb(path, size) - np.float32(centre)) / np.float32(128))}


def cifar(data: Path, model: Path, mean: Any, std: Any) -> Iterator[Feed]:
    """(x − mean) / std of the undamaged CIFAR-10 test images, 0…255."""
    images = np.load(data / "images/cifar10_original.npz")["test_x"]
    centre, width = (np.asarray(v, np.float32).reshape(-1, 1, 1) for v in (mean, std))
    for image in images:
        yield {"input": ((image.astype(np.float32) - centre) / width)[None]}


def kws(data: Path, model: Path) -> Iterator[Feed]:
    archive = np.load(data / "images/kws01_mfcc1000.npz")
    scale, zero = float(archive["scale"]), int(archive["zero_point"])
    for mfcc in archive["x_int8"]:
        yield {"input": ((mfcc.astype(np.float32) - zero) * np.float32(scale)).reshape(1, 1, 49, 10)}


def mnist(data: Path, model: Path) -> Iterator[Feed]:
    for digit in np.load(data / "images/mnist_test.npz")["x"]:
        yield {"Input3": digit.astype(np.float32)[None, None]}


def yolox(data: Path, model: Path) -> Iterator[Feed]:
    """BGR, letterboxed into 416×416 from the top left, padded with 114."""
    from PIL import Image

    for path in _coco(data):
        with Image.open(path) as picture:
            ratio = min(416 / picture.width, 416 / picture.height)
            inner = picture.convert("RGB").resize(
                (int(picture.width * ratio), int(picture.height * ratio)), Image.Resampling.BILINEAR
            )
        canvas = np.full((416, 416, 3), 114, np.float32)
        canvas[: inner.height, : inner.width] = np.asarray(inner, np.float32)[:, :, ::-1]
        yield {"images": _nchw(canvas)}


def waifu2x(data: Path, model: Path) -> Iterator[Feed]:
    """The middle 200×200 of a photograph, 0…1, 28 edge pixels repeated on every side."""
    for path in _coco(data):
        rgb = _rgb(path) / np.float32(255)
        top, left = (rgb.shape[0] - 200) // 2, (rgb.shape[1] - 200) // 2
        crop = rgb[top : top + 200, left : left + 200]
        yield {"Input1": _nchw(np.pad(crop, ((28, 28), (28, 28), (0, 0)), mode="edge"))}


def _speech(data: Path) -> Array:
    with wave.open(str(data / "images/misc/speech16k_30s.wav")) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float32) / np.float32(32768)


def kwt(data: Path, model: Path) -> Iterator[Feed]:
    speech = _speech(data)
    for start in range(0, len(speech) - 15999, 16000):
        yield {"t0": speech[None, start : start + 16000]}


def _plain_session(model: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(model)


def silero(data: Path, model: Path) -> Iterator[Feed]:
    """512 new samples behind 64 of context, from the first second of speech on."""
    session, speech = _plain_session(model), _speech(data)
    state = np.zeros((2, 1, 128), np.float32)
    for start in range(16000, len(speech) - 512, 512):
        frame = speech[None, start - 64 : start + 512]
        feed = {"input": frame, "state": state, "sr": np.array(16000, np.int64)}
        yield feed
        state = session.run(["stateN"], feed)[0]


def _frames(data: Path) -> Iterator[tuple[Array, Array]]:
    """(magnitude, phase) of 512-sample frames, hop 128, from the first second on."""
    speech = _speech(data)
    for start in range(16000, len(speech) - 512, 128):
        spectrum = np.fft.rfft(speech[start : start + 512])
        yield np.abs(spectrum).astype(np.float32).reshape(1, 1, 257), np.angle(spectrum)


def dtln_1(data: Path, model: Path) -> Iterator[Feed]:
    session, state = _plain_session(model), np.zeros((1, 2, 128, 2), np.float32)
    for magnitude, _ in _frames(data):
        feed = {"input_2": magnitude, "input_3": state}
        yield feed
        state = session.run(["tf_op_layer_stack_2"], feed)[0]


def dtln_2(data: Path, model: Path) -> Iterator[Feed]:
    """Frames that the first model has masked."""
    first = _plain_session(model.with_name("dtln_model_1.onnx"))
    session, state = _plain_session(model), np.zeros((1, 2, 128, 2), np.float32)
    earlier = np.zeros((1, 2, 128, 2), np.float32)
    for magnitude, phase in _frames(data):
        mask, earlier = first.run(["activation_2", "tf_op_layer_stack_2"], {"input_2": magnitude, "input_3": earlier})
        frame = np.fft.irfft(magnitude[0, 0] * mask[0, 0] * np.exp(1j * phase)).astype(np.float32)
        feed = {"input_4": frame.reshape(1, 1, 512), "input_5": state}
        yield feed
        state = session.run(["tf_op_layer_stack_5"], feed)[0]


def dtln_loop(data: Path, model: Path) -> Iterator[Feed]:
    """Twelve frames a run."""
    session, state = _plain_session(model), np.zeros((1, 2, 128, 2), np.float32)
    frames = _frames(data)
    while len(some := [magnitude for magnitude, _ in islice(frames, 12)]) == 12:
        feed = {"frames": np.stack(some), "state": state}
        yield feed
        state = session.run(["state_out"], feed)[0]


def magika(data: Path, model: Path) -> Iterator[Feed]:
    """First and last 1024 bytes of this project's own text and of the pictures, 256 where a file is shorter."""
    root = Path(__file__).resolve().parent.parent
    own = [p for folder in ("fmpass", "custom_ops", "docs") for p in sorted((root / folder).rglob("*")) if p.is_file()]
    texts = [p for p in own if p.suffix in (".py", ".md", ".h", ".hpp", ".cc", ".toml") and p.stat().st_size > 0]
    mixed = [p for pair in zip(texts[::5], _coco(data), strict=False) for p in pair]
    for path in mixed:
        content = path.read_bytes()
        values = np.full(2048, 256, np.int32)
        head, tail = content.lstrip()[:1024], content.rstrip()[-1024:]
        values[: len(head)] = np.frombuffer(head, np.uint8)
        values[2048 - len(tail) :] = np.frombuffer(tail, np.uint8)
        yield {"bytes": values[None]}


_NORMAL = {"mean": np.array([0.485, 0.456, 0.406]) * 255, "std": np.array([0.229, 0.224, 0.225]) * 255}
_RAW = {"mean": 0.0, "std": 1.0}
_ACUITY = "ImageNet validation images, 227 px"
_CIFAR = "CIFAR-10 test images"
_COCO = "COCO photographs"


def _mobile(size: int) -> Callable[[Path, Path], Iterator[Feed]]:
    return partial(centred, name="input", size=(size, size), centre=128, images=_imagenet)


_DEEPLAB = partial(centred, name="input", size=(513, 513), centre=128, images=_coco)

CASES: tuple[Case, ...] = (
    Case("squeezenet1.1", squeezenet, _ACUITY),
    Case("squeezenet1.1_fp16", partial(squeezenet, dtype=np.float16), _ACUITY),
    Case("mobilenetv2_1.0_float", _mobile(224), _ACUITY),
    Case("mobilenetv2_1.0_qdq", _mobile(224), _ACUITY),
    Case("mobilenetv1_0.5_160_float", _mobile(160), _ACUITY),
    Case("mobilenetv1_0.5_160_qdq", _mobile(160), _ACUITY),
    Case("mobilenetv1_0.25_128_float", _mobile(128), _ACUITY),
    Case("cifar10_resnet20", partial(cifar, **_NORMAL), _CIFAR),
    Case("cifar10_resnet32", partial(cifar, **_NORMAL), _CIFAR),
    Case("cifar10_resnet56", partial(cifar, **_NORMAL), _CIFAR),
    Case("cifar10_resnet20_qdq", partial(cifar, **_NORMAL), _CIFAR),
    Case("cifar10_resnet20_qop", partial(cifar, **_NORMAL), _CIFAR),
    Case("mlperf_resnet8_float", partial(cifar, **_RAW), _CIFAR),
    Case("mlperf_resnet8_qdq", partial(cifar, **_RAW), _CIFAR),
    Case("stm_resnet32_cifar100_qdq", partial(cifar, mean=127.0, std=1 / 0.0078431), _CIFAR),
    Case("mlperf_kws_dscnn_float", kws, "Speech Commands MFCCs"),
    Case("mlperf_kws_dscnn_qdq", kws, "Speech Commands MFCCs"),
    Case("kwt1_transformer", kwt, "seconds of one recording of speech"),
    Case("yolox_nano_coco", yolox, _COCO),
    Case("deeplabv3_mnv2_pascal_float", _DEEPLAB, _COCO),
    Case("deeplabv3_mnv2_pascal_qdq", _DEEPLAB, _COCO),
    Case("waifu2x_cunet_noise0", waifu2x, _COCO),
    Case("ultraface_rfb320", partial(centred, name="input", size=(240, 320), centre=127, images=_coco), _COCO),
    Case("silero_vad", silero, "frames of speech, state carried on"),
    Case("silero_vad_16k_op15", silero, "frames of speech, state carried on"),
    Case("dtln_model_1", dtln_1, "frames of speech, state carried on"),
    Case("dtln_model_2", dtln_2, "frames of speech, state carried on"),
    Case("dtln_model_1_loop", dtln_loop, "12 frames of speech a run, state carried on"),
    Case("magika_v3_3", magika, "source files and photographs"),
    Case("mnist_opt", mnist, "MNIST test digits"),
)
"""Every model of the shared set."""


def case(model: str) -> Case:
    """The case of this model (file stem)."""
    return next(c for c in CASES if c.model == model)


def feeds(some: Case, shared: Path, count: int) -> Iterator[Feed]:
    """The first `count` feeds."""
    data = shared / "data"
    return islice(some.make(data, data / "models" / f"{some.model}.onnx"), count)
