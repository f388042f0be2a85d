"""The verification that `rewrite` makes before it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fmpass.cli.feeds import feeds
from fmpass.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fmpass.cli.options import DataFlags
    from fmpass.graph.io import LoadedModel
    from fmpass.measure.emulated import EmulationReport
    from fmpass.measure.result import NotRun, VerifyReport


class Checked:
    """Compares a model with what became of it, on `--data` or generated inputs. `report` keeps what was found."""

    def __init__(self, model: Path, flags: DataFlags, progress: Callable[[int, int | None], None]) -> None:
        self._model, self._flags, self._progress = model, flags, progress
        self.report: VerifyReport | NotRun | None = None
        # data that does not fit is told before any work is done
        self._samples = None if flags.data is None else feeds(model, flags)

    def check(self, original: LoadedModel, rewritten: LoadedModel) -> VerifyReport | NotRun:
        """Raises VerificationFailed FM40x for the first thing that is not as promised."""
        from fmpass.measure.result import NotRun, VerifyReport
        from fmpass.measure.verify import VerifyOptions, compare

        try:
            samples = feeds(self._model, self._flags) if self._samples is None else self._samples
        except UsageError as error:
            if self._flags.data is not None or error.code != "FM035":
                raise
            self.report = NotRun(f"{error.where}: {error.problem}")  # inputs that cannot be generated
            return self.report
        self._samples = samples
        self.report = compare(_plain(original), rewritten, samples, VerifyOptions(), self._progress)
        if isinstance(self.report, VerifyReport):
            self.report.check()
        return self.report

    def check_emulation(self, native: LoadedModel, emulated: LoadedModel) -> EmulationReport | None:
        """The same for the two forms of a model; None where `check` could not run it.

        Raises VerificationFailed FM408.
        """
        from fmpass.measure.emulated import compare_emulated
        from fmpass.measure.result import VerifyReport

        if self._samples is None or not isinstance(self.report, VerifyReport):
            return None
        return compare_emulated(native, emulated, self._samples)


def _plain(model: LoadedModel) -> LoadedModel:
    """Without the pairs that it may have already: plain onnxruntime runs the original."""
    from fmpass import api
    from fmpass.passes.remove import RemovePairs

    model.modified = api.apply(RemovePairs(), model.model)
    return model
