"""A chain: transforms and one coder, and its text `quant{bits=8}|zvc`.

The text is the same in Python, JSON, on the command line and in the node attribute. Grammar, canonical form and digest
are those of docs/format.md.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from fmpass.codecs import fields, registry
from fmpass.codecs.crc32c import crc32c
from fmpass.codecs.stage import Coder, MapCoder, Stage, Transform
from fmpass.dtypes import DType
from fmpass.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_INTEGER = re.compile(r"-?[0-9]+\Z")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_LONGEST_TEXT = 65535  # bytes; the payload counts them in a u16
_MOST_STAGES = 16
_BLANKS = " \t\n\v\f\r"


@dataclass(frozen=True, slots=True)
class Chain:
    """Transforms in order, then the coder. Equal chains have equal texts and equal digests."""

    transforms: tuple[Transform, ...]
    coder: Coder | MapCoder

    @staticmethod
    def parse(text: str) -> Chain:
        """Read a chain text. Raises UsageError FM001 … FM004 naming the nearest stage, field or value."""
        return _parse(text)

    def __str__(self) -> str:
        return "|".join(_stage_text(stage) for stage in (*self.transforms, self.coder))

    def digest(self) -> int:
        """CRC32C over ids and field values, as docs/format.md has it."""
        return crc32c(b"".join(_stage_values(stage) for stage in (*self.transforms, self.coder)))

    def lossless(self, dtype: DType) -> bool:
        """True where every tensor of `dtype` is restored bit for bit."""
        for transform in self.transforms:
            if not transform.lossless(dtype):
                return False
            dtype = transform.output_dtype(dtype)
        return True

    def rejects(self, dtype: DType, rank: int | None = None) -> str | None:
        """Why tensors of `dtype` and `rank` (None: unknown) cannot take this chain, or None if they can."""
        for transform in self.transforms:
            reason = transform.rejects(dtype, rank)
            if reason:
                return f"{transform.name}: {reason}"
            dtype = transform.output_dtype(dtype)
        reason = self.coder.rejects(dtype)
        return f"{self.coder.name}: {reason}" if reason else None

    def dtypes(self, dtype: DType) -> tuple[DType, ...]:
        """Element types on the way from the tensor (first) to the coder (last)."""
        found = [dtype]
        for transform in self.transforms:
            found.append(transform.output_dtype(found[-1]))
        return tuple(found)

    def side_nbytes(self, dtype: DType, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Bytes of side data of each transform for a tensor of this type and shape."""
        types = self.dtypes(dtype)
        return tuple(t.side_nbytes(d, shape) for t, d in zip(self.transforms, types, strict=False))


@cache
def presets() -> dict[str, tuple[str, str]]:
    """Preset name → (chain text, one line of description), in the order of presets.toml."""
    import msgspec

    text = Path(__file__).with_name("presets.toml").read_bytes()
    table = msgspec.toml.decode(text, type=dict[str, dict[str, str]])
    return {name: (entry["chain"], entry["doc"]) for name, entry in table.items()}


def preset(name: str) -> Chain:
    """The chain of a preset. Raises UsageError FM005 naming the nearest one."""
    if name not in presets():
        near = fields.nearest(name, presets())
        raise UsageError(
            "FM005",
            where=f"preset {name!r}",
            problem="no such preset",
            hint=f"did you mean {near!r}? known: {', '.join(presets())}",
        )
    return Chain.parse(presets()[name][0])


@lru_cache(maxsize=256)
def _parse(text: str) -> Chain:
    if len(text.encode()) > _LONGEST_TEXT:
        raise UsageError("FM004", where="chain", problem="the text is longer than a payload can carry")
    if text.count("|") >= _MOST_STAGES:
        raise UsageError("FM004", where="chain", problem=f"it has more than {_MOST_STAGES} stages")
    built = [_parse_stage(part.strip(_BLANKS), text) for part in text.split("|")]
    transforms, last = built[:-1], built[-1]
    if not isinstance(last, (Coder, MapCoder)):
        raise _malformed(text, f"{last.name!r} is a transform, but the last stage must be a coder", "append |zvc")
    for stage in transforms:
        if not isinstance(stage, Transform):
            raise _malformed(text, f"{stage.name!r} is a coder, but only the last stage may be one", "keep one coder")
    return Chain(tuple(t for t in transforms if isinstance(t, Transform)), last)


def _parse_stage(part: str, text: str) -> Stage:
    name, brace, rest = part.partition("{")
    name = name.strip(_BLANKS)
    if not _NAME.match(name):
        raise _malformed(text, f"{part!r} does not begin with the name of a stage", "write name{field=value,…}|coder")
    stage = registry.get(name)
    if not brace:
        return stage()
    if not rest.endswith("}") or "{" in rest or "}" in rest[:-1]:
        raise _malformed(text, f"the braces of {name!r} do not match", "write name{field=value,…}")
    known = {p.name: p for p in fields.parameters(stage)}
    values: dict[str, fields.Value] = {}
    for assignment in rest[:-1].split(","):
        field, equals, value = (piece.strip(_BLANKS) for piece in assignment.partition("="))
        if not equals or not field or not value:
            problem = f"{assignment.strip()!r} in {name!r} is not field=value"
            raise _malformed(text, problem, "write name{field=value,…}")
        if field not in known:
            near = fields.nearest(field, known)
            hint = f"did you mean {near!r}? fields: {', '.join(known)}" if known else f"{name} has no fields"
            raise UsageError("FM002", where=f"{name}{{{field}}}", problem="no such field", hint=hint)
        if field in values:
            raise _malformed(text, f"{field!r} of {name!r} is given twice", "give every field once")
        values[field] = _parse_value(value, known[field], name)
    return stage(**values)


def _parse_value(text: str, parameter: fields.Parameter, stage: str) -> fields.Value:
    kind = parameter.type
    if kind in ("int", "int|none") and _INTEGER.match(text):
        return int(text)
    if kind == "float" and _DECIMAL.match(text) and not _vanishes(text):
        return float(text)
    if kind == "bool" and text in ("true", "false"):
        return text == "true"
    if kind == "int|none" and text == "none":
        return None
    if kind == "word" and _NAME.match(text):
        return text
    default = _value_text(parameter.default)
    raise UsageError(
        "FM003",
        where=f"{stage}{{{parameter.name}}}",
        problem=f"{text!r} is not of type {kind}",
        hint=f"{parameter.doc}; default {default}",
    )


def _vanishes(text: str) -> bool:
    """Whether a decimal other than zero is too small for a double: it must not turn into a zero unseen."""
    return float(text) == 0.0 and any(digit in "123456789" for digit in re.split("[eE]", text)[0])


def _malformed(text: str, problem: str, hint: str) -> UsageError:
    return UsageError("FM004", where=f"chain {text!r}", problem=problem, hint=hint)


def _stage_text(stage: Stage) -> str:
    given = [
        f"{p.name}={_value_text(getattr(stage, p.name))}"
        for p in fields.parameters(type(stage))
        if getattr(stage, p.name) != p.default
    ]
    return f"{stage.name}{{{','.join(given)}}}" if given else stage.name


def _value_text(value: fields.Value) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _stage_values(stage: Stage) -> bytes:
    declared = fields.parameters(type(stage))
    parts = [struct.pack("<HB", stage.format_id, len(declared))]
    for p in declared:
        value: fields.Value = getattr(stage, p.name)
        if value is None:
            parts.append(b"n")
        elif isinstance(value, bool):
            parts.append(b"b" + bytes([value]))
        elif isinstance(value, int):
            parts.append(b"i" + struct.pack("<q", value))
        elif isinstance(value, float):
            parts.append(b"f" + struct.pack("<d", value))
        else:
            word = value.encode()
            parts.append(b"s" + struct.pack("<H", len(word)) + word)
    return b"".join(parts)
