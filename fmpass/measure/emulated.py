"""Pairs against the standard operators in their place: what they restore, and every output, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fmpass.errors import VerificationFailed
from fmpass.measure import reference
from fmpass.measure.inventory import groups, take
from fmpass.measure.tally import rounds
from fmpass.measure.taps import tapped
from fmpass.measure.tensors import same
from fmpass.runtime import make_session
from fmpass.runtime.session import explained, failures

if TYPE_CHECKING:
    from fmpass.graph.io import LoadedModel
    from fmpass.measure.inventory import Item

Feeds = Iterable[Mapping[str, Any]]
MEMORY_NBYTES = 1 << 30
_HINT = "this is a bug; please report it with the model"


class EmulationReport(msgspec.Struct, frozen=True):
    """`edges` restored tensors and every output were compared over `samples` feeds, and all were equal."""

    identical: bool
    edges: int
    samples: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"identical": self.identical, "edges": self.edges, "samples": self.samples}


def compare_emulated(
    native: LoadedModel, emulated: LoadedModel, feeds: Feeds, memory_nbytes: int = MEMORY_NBYTES
) -> EmulationReport:
    """Run `native` with the library and `emulated` in plain onnxruntime, at ORT_DISABLE_ALL, on the same feeds.

    Both come from one model; `feeds` may be gone through several times, so that no more than about `memory_nbytes` of
    tensors are held at once. Edges in bodies are compared by what becomes of them. Raises VerificationFailed FM408 for
    the first difference.
    """
    first, second = native.to_proto(), emulated.to_proto()
    items = [item for item in take(native, first).items if item.pair is not None]
    outer = [item for item in items if not item.scope]
    there = {name for node in second.graph.node for name in node.output}
    names = {item.key: _names(item, there) for item in outer}
    # a CPU without 16-bit kernels would skip the roundings that the pairs make
    rounded = [item for item in items if rounds(item)]
    held = {item.key for item in rounded} | {("", names[item.key][1]) for item in rounded if not item.scope}
    second = reference.held(second, held)
    samples = 0
    for batch in groups(outer, {}, memory_nbytes):
        pairs = [names[item.key] for item in batch]
        with (
            tapped(first, _folder(native), [a for a, _ in pairs], _with_library) as left,
            tapped(second, _folder(emulated), [b for _, b in pairs], _plain(emulated.where)) as right,
        ):
            samples = 0
            pairs += [(output.name, output.name) for output in first.graph.output]
            for feed in feeds:
                a, b = left.run(feed), _run(right.run, feed, emulated.where)
                for old, new in pairs:
                    if not same(a[old], b[new]):
                        raise _failure(f"value '{new}'", f"feed {samples}: it is not what the pairs give")
                samples += 1
    return EmulationReport(True, len(outer), samples)


def _names(item: Item, there: set[str]) -> tuple[str, str]:
    """What the pair restores, and the value in the emulated model: the source itself where nothing was lost."""
    assert item.pair is not None
    restored = item.pair.restored[0]
    return restored, restored if restored in there else item.pair.source


def _folder(model: LoadedModel) -> Path | None:
    return None if model.path is None else model.path.absolute().parent


def _with_library(model: Any, sess_options: Any) -> Any:
    return make_session(model, sess_options=sess_options)


def _plain(where: str) -> Callable[[Any, Any], Any]:
    def session(model: Any, sess_options: Any) -> Any:
        import onnxruntime as ort

        def opened(source: Any) -> Any:
            return ort.InferenceSession(source, sess_options, providers=["CPUExecutionProvider"])

        return _run(opened, model, where)

    return session


def _run(call: Callable[[Any], Any], argument: Any, where: str) -> Any:
    try:
        return call(argument)
    except failures() as error:
        raise _failure(where, f"it does not run without the library: {explained(error, where).problem}") from None


def _failure(where: str, problem: str) -> VerificationFailed:
    return VerificationFailed("FM408", where=where, problem=problem, hint=_HINT)
