"""Whether inputs and outputs of the rewritten model are still those of the original."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fmpass.measure.result import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx


def signature_change(original: onnx.ModelProto, rewritten: onnx.ModelProto) -> Failure | None:
    """The first input or output that has another name, place, type or shape."""
    first, second = original.graph, rewritten.graph
    return _change("input", first.input, second.input) or _change("output", first.output, second.output)


def _change(kind: str, before: Sequence[onnx.ValueInfoProto], after: Sequence[onnx.ValueInfoProto]) -> Failure | None:
    names, others = [v.name for v in before], [v.name for v in after]
    if names != others:
        gone = next((n for n in names if n not in others), next((n for n in others if n not in names), names[0]))
        problem = f"the {kind}s are {_list(others)}, those of the original {_list(names)}"
        return _failure(f"{kind} '{gone}'", problem)
    for old, new in zip(before, after, strict=True):
        if old.type != new.type:
            return _failure(f"{kind} '{old.name}'", "its declared type or shape is not that of the original")
    return None


def _failure(where: str, problem: str) -> Failure:
    return Failure("FM405", where, problem, "give the model that it was made from")


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
