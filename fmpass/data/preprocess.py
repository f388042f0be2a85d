"""How a picture becomes the array of an image model; read from a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import msgspec.toml
import numpy as np

from fmpass.data.signature import Array, Dim, InputSpec, nearest
from fmpass.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

Numbers = float | tuple[float, ...]


class Preprocess(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From picture to array, in the order of the fields: geometry, then x = (pixel · scale − mean) / std.

    `size` is [height, width] or one number; without it, what the model's input says. `resize` is "stretch" (to size,
    whatever the aspect), "none", or a number: the shorter side becomes that many pixels. `crop` = "center" then takes
    the middle `size`. `letterbox` = V instead keeps the aspect inside `size` and fills the rest with grey V;
    `anchor` says where the picture lies in it. `pad` repeats the edge pixels that many times on every side.
    `mean` and `std` are one number or one a channel, in the order of `channels`. `label_offset` is added to labels.
    """

    size: int | tuple[int, int] | None = None
    resize: Literal["stretch", "none"] | int = "stretch"
    crop: Literal["center", "none"] = "none"
    letterbox: int | None = None
    anchor: Literal["center", "top-left"] = "center"
    pad: int = 0
    filter: Literal["bilinear", "nearest", "bicubic", "lanczos"] = "bilinear"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    channels: Literal["RGB", "BGR", "GRAY"] = "RGB"
    scale: float = 1.0
    mean: Numbers = 0.0
    std: Numbers = 1.0
    label_offset: int = 0

    def __post_init__(self) -> None:
        width = 1 if self.channels == "GRAY" else 3
        for name in ("mean", "std"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != width:
                raise ValueError(f"`{name}` has {len(value)} numbers for {width} channels")
        if 0.0 in (self.std if isinstance(self.std, tuple) else (self.std,)):
            raise ValueError("`std` must not be 0")
        sizes = (self.size,) if isinstance(self.size, int) else self.size or ()
        if min((*sizes, 1 if isinstance(self.resize, str) else self.resize)) < 1 or self.pad < 0:
            raise ValueError("sizes are at least 1 pixel, `pad` at least 0")
        if not 0 <= (self.letterbox or 0) <= 255:
            raise ValueError("`letterbox` is a grey from 0 to 255")

    def target(self, shape: tuple[Dim, ...]) -> tuple[int, int] | None:
        """(height, width) before `pad`, from `size` or else the model's 4-D input shape; None where both are open."""
        if isinstance(self.size, int):
            return self.size, self.size
        if self.size is not None:
            return self.size
        height, width = shape[2:4] if self.layout == "NCHW" else shape[1:3]
        if isinstance(height, int) and isinstance(width, int):
            return height - 2 * self.pad, width - 2 * self.pad
        return None

    def apply(self, picture: Image, spec: InputSpec) -> Array:
        """The array of one picture: 3-D in `layout` without the batch axis, of the input's element type."""
        if spec.shape is None or len(spec.shape) != 4:
            problem = f"pictures need an input of 4 dimensions, '{spec.name}' is {spec.describe()}"
            raise UsageError("FM035", where=f"input '{spec.name}'", problem=problem, hint="give the data as .npz")
        placed = self._place(picture.convert("L" if self.channels == "GRAY" else "RGB"), self.target(spec.shape))
        pixels = np.asarray(placed, np.float32)
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        if self.channels == "BGR":
            pixels = pixels[:, :, ::-1]
        if self.pad:
            pixels = np.pad(pixels, ((self.pad, self.pad), (self.pad, self.pad), (0, 0)), mode="edge")
        values: Array = (pixels * np.float32(self.scale) - np.asarray(self.mean, np.float32)) / np.asarray(
            self.std, np.float32
        )
        if self.layout == "NCHW":
            values = values.transpose(2, 0, 1)
        if spec.numpy.kind in "iu":
            info = np.iinfo(spec.numpy)
            values = np.clip(np.rint(values), info.min, info.max)
        return np.ascontiguousarray(values.astype(spec.numpy))

    def _place(self, picture: Image, target: tuple[int, int] | None) -> Image:
        from PIL import Image as pil

        method = getattr(pil.Resampling, self.filter.upper())
        if self.letterbox is not None:
            if target is None:
                raise _no_size("letterbox")
            ratio = min(target[0] / picture.height, target[1] / picture.width)
            inner = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
            grey = (self.letterbox,) * len(picture.getbands())
            canvas = pil.new(picture.mode, (target[1], target[0]), grey if len(grey) > 1 else self.letterbox)
            left, top = (target[1] - inner[0]) // 2, (target[0] - inner[1]) // 2
            canvas.paste(picture.resize(inner, method), (0, 0) if self.anchor == "top-left" else (left, top))
            return canvas
        if isinstance(self.resize, int):
            ratio = self.resize / min(picture.size)
            picture = picture.resize((round(picture.width * ratio), round(picture.height * ratio)), method)
        elif self.resize == "stretch" and self.crop == "none" and target is not None:
            picture = picture.resize((target[1], target[0]), method)
        if self.crop == "center":
            if target is None:
                raise _no_size("crop")
            left, top = (picture.width - target[1]) // 2, (picture.height - target[0]) // 2
            picture = picture.crop((left, top, left + target[1], top + target[0]))
        return picture


def _no_size(key: str) -> UsageError:
    return UsageError(
        "FM034", where=f"`{key}`", problem="the model's input does not say the size", hint="add size = [height, width]"
    )


def read_preprocess(path: Path) -> Preprocess:
    """The file's settings. Raises UsageError FM034 naming the key that is unknown or does not fit."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(
            "FM034", where=str(path), problem=error.strerror or str(error), hint="give --preprocess FILE.toml"
        ) from None
    try:
        table = msgspec.toml.decode(text)
    except (msgspec.DecodeError, ValueError) as error:
        raise UsageError(
            "FM034", where=path.name, problem=f"not TOML: {error}", hint="lines are `key = value`"
        ) from None
    for key in table:
        if key not in Preprocess.__struct_fields__:
            raise UsageError(
                "FM034",
                where=path.name,
                problem=f"unknown key '{key}'",
                hint=nearest(key, Preprocess.__struct_fields__),
            )
    try:
        return msgspec.convert(table, Preprocess)
    except msgspec.ValidationError as error:
        raise UsageError("FM034", where=path.name, problem=str(error), hint="see the keys in docs/cli.md") from None
