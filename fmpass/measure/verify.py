"""Original against rewritten model: outputs, every restored edge, payload sizes, bounds of lossy chains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from operator import length_hint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmpass.errors import FmpassError, PayloadError, UnsupportedModel
from fmpass.graph.io import AnyModel, LoadedModel, load
from fmpass.graph.schema import EMULATED, FORM
from fmpass.measure import reference
from fmpass.measure.inputs import proto_specs
from fmpass.measure.inventory import Inventory, Item, groups, take
from fmpass.measure.result import Failure, NotRun, OptimizedResult, VerifyReport
from fmpass.measure.signature import signature_change
from fmpass.measure.tally import OutputTally, Tally, rounds, summary
from fmpass.measure.taps import Tapped, tapped
from fmpass.measure.tensors import same
from fmpass.runtime import counting, make_session, read_counters
from fmpass.runtime.session import explained, failures, runtime

if TYPE_CHECKING:
    import onnx

_BUG = "this is a bug; please report it with the model"
_IS_EMULATED = (
    "it is an emulated model: its lossy chains have no pairs any more, and `rewrite --emulate` has verified it"
)

Feeds = Iterable[Mapping[str, Any]]
Progress = Callable[[int, int | None], None]
"""Called with feeds done and feeds in all (None where unknown) over all phases."""


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """`runs` limits the feeds, `memory_nbytes` the tensors held at once; `optimized`: the default level too."""

    runs: int | None = None
    optimized: bool = True
    memory_nbytes: int = 1 << 30


def verify(
    original: AnyModel,
    rewritten: AnyModel,
    feeds: Feeds,
    options: VerifyOptions = VerifyOptions(),
    progress: Progress | None = None,
) -> VerifyReport | NotRun:
    """As `compare`, but raises VerificationFailed FM40x for the first thing that is not as promised."""
    report = compare(original, rewritten, feeds, options, progress)
    if isinstance(report, VerifyReport):
        report.check()
    return report


def compare(
    original: AnyModel,
    rewritten: AnyModel,
    feeds: Feeds,
    options: VerifyOptions = VerifyOptions(),
    progress: Progress | None = None,
) -> VerifyReport | NotRun:
    """Run both models on `feeds` (gone through several times, one feed in memory) and say what is equal.

    At ORT_DISABLE_ALL every restored edge of the main graph and every output is compared byte for byte; inside bodies
    the operators themselves decode what they have just encoded and compare. Models are paths, onnx.ModelProto,
    onnx_ir.Model, onnx_graphsurgeon.Graph, or what graph.io.load made of one; external data of a rewritten model
    without a path is looked for beside the original. NotRun where plain onnxruntime refuses the original or its inputs.
    """
    return _Comparison(_loaded(original), _loaded(rewritten), feeds, options, progress).run()


class _Refused(Exception):
    """Plain onnxruntime refuses the original or a feed of it."""


class _Unloadable(Exception):
    """The rewritten model does not load where the original does."""


@dataclass
class _Comparison:
    original: LoadedModel
    rewritten: LoadedModel
    feeds: Feeds
    options: VerifyOptions
    progress: Progress | None
    failure: Failure | None = None
    samples: int = 0
    done: int = 0
    phases: int = 0
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict[tuple[str, str], Tally])

    def run(self) -> VerifyReport | NotRun:
        first, second = self.original.to_proto(), self.rewritten.to_proto()
        outputs = {o.name: OutputTally() for o in first.graph.output}
        self.failure = signature_change(first, second)
        if self.failure is not None:
            return self._report(outputs, None)
        inventory = take(self.original, second)
        self._check_strangers(inventory)
        self.tallies = {item.key: Tally(item) for item in inventory.items}
        inner = [item for item in inventory.items if item.scope]
        outer = [item for item in inventory.items if not item.scope]
        dims = self._dims(first) if any(item.elements is None for item in outer) else {}
        batches = groups(outer, dims, self.options.memory_nbytes)
        self.phases = len(batches) + bool(inner) + self.options.optimized
        optimized = None
        try:
            for number, batch in enumerate(batches):
                self._unoptimized(first, second, inventory, batch, outputs if number == 0 else {})
            if inner:
                self._inside(second, inner)
            if self.options.optimized:
                optimized = self._optimized(first, second)
        except _Refused as refusal:
            return NotRun(str(refusal))
        except _Unloadable:
            return self._report(outputs, None)
        return self._report(outputs, optimized)

    def _report(self, outputs: Mapping[str, OutputTally], optimized: OptimizedResult | None) -> VerifyReport:
        return summary(
            tuple(self.tallies.values()), outputs, optimized, self.samples, self.failure, str(runtime().__version__)
        )

    def _fail(self, code: str, where: str, problem: str, hint: str) -> None:
        """Keep the first failure: the edge furthest up, where the cause is."""
        if self.failure is None:
            self.failure = Failure(code, where, problem, hint)

    def _check_strangers(self, inventory: Inventory) -> None:
        for pair in inventory.strangers:
            problem = "the rewritten model restores it, but it is no edge of the original, or restored twice"
            self._fail("FM404", f"edge '{pair.edge}'", problem, "give the model that it was made from")

    def _dims(self, proto: onnx.ModelProto) -> dict[str, int]:
        """Sizes of symbolic dimensions in the first feed."""
        feed = next(iter(self.feeds), None) if not _single_pass(self.feeds) else None
        sizes: dict[str, int] = {}
        for spec in proto_specs(proto):
            shape = getattr((feed or {}).get(spec.name), "shape", ())
            sizes |= {d: int(n) for d, n in zip(spec.shape or (), shape, strict=False) if isinstance(d, str)}
        return sizes

    def _passes(self) -> Iterable[Mapping[str, Any]]:
        total = length_hint(self.feeds) or None
        if total is not None and self.options.runs is not None:
            total = min(total, self.options.runs)
        for feed in islice(self.feeds, self.options.runs):
            yield feed
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, None if total is None else total * self.phases)

    def _unoptimized(
        self,
        first: onnx.ModelProto,
        second: onnx.ModelProto,
        inventory: Inventory,
        batch: list[Item],
        outputs: Mapping[str, OutputTally],
    ) -> None:
        lossless = inventory.lossless
        pairs = [item.pair for item in batch if item.pair is not None]
        seen = [i.name for i in batch if (i.pair is not None and lossless) or (i.pair is None and i.elements is None)]
        held = reference.held(first, [i.key for i in inventory.items if rounds(i)])
        inner = [value for pair in pairs for value in (pair.payload, *pair.restored)]
        inner += [] if lossless else [pair.source for pair in pairs]
        with (
            self._original(held, seen) as a,
            tapped(second, self._folder(self.rewritten), inner, self._rewritten_session) as b,
        ):
            for number, feed in enumerate(self._passes()):
                x, y = self._run_original(a, feed), self._run_rewritten(b, feed)
                if y is None:
                    return
                if outputs:
                    self.samples += 1
                before = self.failure
                for item in batch:
                    self._edge(item, x, y, lossless, number)
                for name, tally in outputs.items():
                    if not tally.add(x[name], y[name]) and lossless:
                        problem = f"feed {number}: differs by up to {tally.distance.max_abs:g}"
                        self._fail("FM401", f"output '{name}'", problem, self._why_outputs_differ())
                if before is None and self.failure is not None and not same(x, self._run_original(a, feed)):
                    raise _Refused("the original gives other results when it runs again on the same inputs")

    def _edge(self, item: Item, x: Mapping[str, Any], y: Mapping[str, Any], lossless: bool, number: int) -> None:
        tally, pair = self.tallies[item.key], item.pair
        if pair is None:
            tally.left_alone(None if item.elements is not None else x[item.name])
            return
        source = x[item.name] if lossless else y[pair.source]
        problem = tally.restored(source, [y[name] for name in pair.restored], y[pair.payload])
        if problem is not None:
            code, text = problem
            self._fail(code, f"edge '{item.name}'", f"feed {number}: {text}", _BUG)

    def _inside(self, second: onnx.ModelProto, inner: list[Item]) -> None:
        """Edges in bodies: counted, encoded, decoded and compared by the operators."""
        copy = reference.counted(second, [i.key for i in inner if i.pair is None])
        with counting("audit"):
            with tapped(copy, self._folder(self.rewritten), (), self._rewritten_session) as session:
                for feed in self._passes():
                    if self._run_rewritten(session, feed) is None:
                        return
            counts = {count.edge: count for count in read_counters()}
        for item in inner:
            count = counts.get(reference.counter_name(item.scope, item.name))
            wrong = self.tallies[item.key].counted(count)
            if wrong:
                where, problem = f"edge '{item.scope}/{item.name}'", f"{wrong} payloads decode to other bytes"
                self._fail("FM402", where, problem, _BUG)

    def _optimized(self, first: onnx.ModelProto, second: onnx.ModelProto) -> OptimizedResult:
        outputs = {o.name: OutputTally() for o in first.graph.output}
        with (
            self._original(first, (), optimized=True) as a,
            tapped(second, self._folder(self.rewritten), (), self._rewritten_session, optimized=True) as b,
        ):
            for feed in self._passes():
                x, y = self._run_original(a, feed), self._run_rewritten(b, feed)
                if y is None:
                    break
                for name, tally in outputs.items():
                    tally.add(x[name], y[name])
        distances = [tally.distance for tally in outputs.values()]
        return OptimizedResult(all(d.exact for d in distances), max((d.max_abs for d in distances), default=0.0))

    def _original(self, proto: onnx.ModelProto, taps: Iterable[str], optimized: bool = False) -> Any:
        def session(model: Any, sess_options: Any) -> Any:
            import onnxruntime as ort

            try:
                return ort.InferenceSession(model, sess_options, providers=["CPUExecutionProvider"])
            except failures() as error:
                raise _Refused(explained(error, self.original.where).problem) from None

        return tapped(proto, self._folder(self.original), list(taps), session, optimized)

    def _why_outputs_differ(self) -> str:
        return _IS_EMULATED if self.rewritten.model.metadata_props.get(FORM) == EMULATED else _BUG

    def _folder(self, model: LoadedModel) -> Path | None:
        path = model.path or self.original.path
        return None if path is None else path.absolute().parent

    def _rewritten_session(self, model: Any, sess_options: Any) -> Any:
        try:
            return make_session(model, sess_options=sess_options)
        except (UnsupportedModel, PayloadError) as error:
            self._does_not_run(error)
            raise _Unloadable from None

    def _run_original(self, session: Tapped, feed: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return session.run(feed)
        except failures() as error:
            raise _Refused(explained(error, self.original.where).problem) from None

    def _run_rewritten(self, session: Tapped, feed: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            return session.run(feed)
        except failures() as error:
            self._does_not_run(explained(error, self.rewritten.where))
            return None

    def _does_not_run(self, why: FmpassError) -> None:
        self._fail("FM406", why.where or self.rewritten.where, f"it does not run: {why.problem}", why.hint)


def _loaded(model: AnyModel) -> LoadedModel:
    return model if isinstance(model, LoadedModel) else load(model)


def _single_pass(feeds: Feeds) -> bool:
    return iter(feeds) is feeds
