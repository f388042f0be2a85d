"""Structural difference of two models, in words: nodes, order, names, initializers, types, metadata, everything.

Lists whose order means something (nodes, inputs, outputs) are aligned first, so that one inserted node is one
difference. Lists that are really tables (initializers, value_info, attributes, metadata, opset imports) are compared
by name. External weights are compared by where they lie, not by their bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

_KEYS: dict[str, Callable[[Any], Hashable]] = {
    "initializer": lambda m: m.name,
    "sparse_initializer": lambda m: m.values.name,
    "value_info": lambda m: m.name,
    "attribute": lambda m: m.name,
    "metadata_props": lambda m: m.key,
    "external_data": lambda m: m.key,
    "opset_import": lambda m: m.domain or "ai.onnx",
    "quantization_annotation": lambda m: m.tensor_name,
    "quant_parameter_tensor_names": lambda m: m.key,
    "functions": lambda m: (m.domain, m.name, m.overload),
}
"""Repeated fields that are tables, and what names an entry."""

_ALIGNED: dict[str, Callable[[Any], Hashable]] = {
    "node": lambda m: (m.domain, m.op_type, m.name) if m.name else (m.domain, m.op_type, "", *m.output),
    "input": lambda m: m if isinstance(m, str) else m.name,
    "output": lambda m: m if isinstance(m, str) else m.name,
}
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """`where` is a path through the model: `graph.node[Conv conv1 c].attribute[pads].ints[0]`.

    `change` is "new", "gone", or what it was and what it is now.
    """

    where: str
    change: str

    def __str__(self) -> str:
        return f"{self.where}: {self.change}"


def compare(a: onnx.ModelProto, b: onnx.ModelProto) -> Iterator[Difference]:
    """All differences in the order of the file; none where the models are structurally equal."""
    yield from _messages("", a, b)


def differences(a: onnx.ModelProto, b: onnx.ModelProto) -> Iterator[str]:
    """The same as one sentence a difference."""
    return map(str, compare(a, b))


def equal(a: onnx.ModelProto, b: onnx.ModelProto) -> bool:
    """True where there is no difference."""
    return next(compare(a, b), None) is None


def _messages(where: str, a: Any, b: Any) -> Iterator[Difference]:
    if a == b:  # compared by protobuf, much faster than from here
        return
    for field in a.DESCRIPTOR.fields:
        name = field.name
        place = f"{where}.{name}" if where else name
        left, right = getattr(a, name), getattr(b, name)
        if _repeated(field):
            if name in _KEYS:
                yield from _tables(place, left, right, _KEYS[name])
            elif name in _ALIGNED:
                yield from _aligned(place, left, right, _ALIGNED[name])
            else:
                yield from _lists(place, left, right)
        elif field.message_type is not None:
            if a.HasField(name) != b.HasField(name):
                yield Difference(place, "gone" if a.HasField(name) else "new")
            else:
                yield from _messages(place, left, right)
        elif left != right or _has(a, field) != _has(b, field):
            yield Difference(place, f"{_short(left)} → {_short(right)}")


def _repeated(field: Any) -> bool:
    known = getattr(field, "is_repeated", None)  # `label` is on its way out of protobuf
    return bool(known) if known is not None else field.label == field.LABEL_REPEATED


def _has(message: Any, field: Any) -> bool | None:
    return message.HasField(field.name) if field.has_presence else None


def _tables(where: str, a: Sequence[Any], b: Sequence[Any], key: Callable[[Any], Hashable]) -> Iterator[Difference]:
    left, right = _by_key(a, key), _by_key(b, key)
    for name, entry in left.items():
        if name not in right:
            yield Difference(f"{where}[{_name(name)}]", "gone")
        else:
            yield from _messages(f"{where}[{_name(name)}]", entry, right[name])
    for name in right:
        if name not in left:
            yield Difference(f"{where}[{_name(name)}]", "new")


def _by_key(entries: Sequence[Any], key: Callable[[Any], Hashable]) -> dict[Hashable, Any]:
    found: dict[Hashable, Any] = {}
    for entry in entries:
        name = key(entry)
        copies = sum(1 for known in found if isinstance(known, tuple) and known[:1] == (name,))
        found[name if name not in found else (name, f"copy {copies + 1}")] = entry
    return found


def _aligned(where: str, a: Sequence[Any], b: Sequence[Any], key: Callable[[Any], Hashable]) -> Iterator[Difference]:
    if len(a) == len(b) and all(isinstance(m, str) for m in a):
        yield from _lists(where, a, b)
        return
    left, right = [key(m) for m in a], [key(m) for m in b]
    for tag, i, j, k, m in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            for x, y, place in zip(a[i:j], b[k:m], range(i, j), strict=True):
                if not isinstance(x, str):
                    yield from _messages(f"{where}[{_label(x) or place}]", x, y)
            continue
        if tag == "replace" and j - i == m - k and not isinstance(a[i], str):
            for x, y, place in zip(a[i:j], b[k:m], range(i, j), strict=True):
                yield from _messages(f"{where}[{place}]", x, y)
            continue
        yield from (Difference(f"{where}[{place}]", f"{_label(a[place])} gone") for place in range(i, j))
        yield from (Difference(f"{where}[{place}]", f"{_label(b[place])} new") for place in range(k, m))


def _label(entry: Any) -> str:
    """What to call a node, an input or an output."""
    if isinstance(entry, str):
        return entry
    parts = (entry.domain, entry.op_type, entry.name, *entry.output) if hasattr(entry, "op_type") else (entry.name,)
    return " ".join(part for part in parts if part)


def _lists(where: str, a: Sequence[Any], b: Sequence[Any]) -> Iterator[Difference]:
    if len(a) != len(b):
        yield Difference(where, f"{len(a)} entries → {len(b)}")
        return
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        if hasattr(x, "DESCRIPTOR"):
            yield from _messages(f"{where}[{i}]", x, y)
        elif x != y:
            yield Difference(f"{where}[{i}]", f"{_short(x)} → {_short(y)}")


def _name(key: Hashable) -> str:
    return " ".join(str(part) for part in key if part) if isinstance(key, tuple) else str(key)


def _short(value: object) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
