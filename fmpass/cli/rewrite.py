"""`fmpass rewrite MODEL`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

from cyclopts import Parameter

from fmpass.cli.options import COMMON, NO_DATA, Common, DataFlags, dims
from fmpass.cli.output import Output, print_error_document
from fmpass.errors import UsageError, VerificationFailed

if TYPE_CHECKING:
    from fmpass.cli.checked import Checked
    from fmpass.plan import Options


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Choice:
    """Which edges get which chain."""

    chain: str | None = None
    """A chain text such as 'quant{bits=8}|zvc'. Default: the best lossless chain that needs no data."""
    preset: str | None = None
    """A chain by its name; `fmpass codecs` lists them."""
    plan: Path | None = None
    """A plan in JSON, hand-edited or not: decisions as `rewrite --json` prints them."""
    only: tuple[str, ...] = ()
    """Glob of edges to consider; may be repeated."""
    skip: tuple[str, ...] = ()
    """Glob of edges to leave alone; may be repeated."""
    min_bytes: int = 0
    """Leave edges of fewer bytes alone."""
    boundary: bool = False
    """Pairs on inputs and outputs too, and on every edge that can have one, whatever the gain."""
    objective: str = "traffic"
    """What the plan is made for; this release knows traffic."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Form:
    """What is written."""

    portable: bool = False
    """Add functions, so that the file also runs in runtimes without the library."""
    emulate: bool = False
    """Write standard operators of the same numerics in the place of the pairs, for other runtimes."""


DEFAULT = Choice()
PAIRS = Form()


def main(
    model: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    choice: Choice = DEFAULT,
    form: Form = PAIRS,
    no_verify: bool = False,
    explain: bool = False,
    data: DataFlags = NO_DATA,
    common: Common = COMMON,
) -> int:
    """Put compression pairs around activation edges, verify the result, write it.

    Parameters
    ----------
    model
        An .onnx file, `-` for stdin.
    output
        Default: STEM.fm.onnx beside the model. `-` is stdout.
    no_verify
        Write without verifying.
    explain
        Print the decision on every edge and its reason.
    """
    from fmpass import api
    from fmpass.cli.checked import Checked
    from fmpass.cli.plans import read_plan
    from fmpass.cli.progress import Bar
    from fmpass.cli.streams import readable, told_on, writable
    from fmpass.report.rewriting import rewrite_document, rewrite_view

    options = _options(choice, form, data)
    plan = None if choice.plan is None else read_plan(choice.plan)
    target = writable(output, model, common)
    with Bar("rewriting", common) as bar, readable(model) as source:
        checked = Checked(source, data, bar.update)
        verifiers: dict[str, Any] = {"verifier": checked.check, "emulation_verifier": checked.check_emulation}
        try:
            done = api.rewrite_model(source, target, plan=plan, options=options, **({} if no_verify else verifiers))
        except VerificationFailed as error:
            return _failed(error, checked, common, told_on(target))
    report, emulation = done.verification, done.emulation
    written = "emulated" if form.emulate else "portable" if form.portable else "pairs"
    document = rewrite_document(done.output, done.plan, report, written, emulation)
    view = partial(rewrite_view, done.output, done.plan, report, explain=explain, emulation=emulation)
    Output(common).result(document, view, told_on(target))
    return 0


def _options(choice: Choice, form: Form, data: DataFlags) -> Options:
    """What was asked for. Raises UsageError FM093, FM094 or FM097 for what does not exist or fit together."""
    from fmpass.cli.chains import chosen_chain
    from fmpass.cli.commands import OBJECTIVES, nearest
    from fmpass.plan import Options

    where = f"--objective {choice.objective}"
    if choice.objective not in OBJECTIVES:
        hint = f"did you mean {nearest(choice.objective, tuple(OBJECTIVES))}?"
        raise UsageError("FM093", where=where, problem="no such objective", hint=hint)
    if not OBJECTIVES[choice.objective]:
        hint = "this release knows --objective traffic"
        raise UsageError("FM094", where=where, problem="not available in this release", hint=hint)
    if choice.plan is not None:
        others = ("chain", "preset", "only", "skip", "min_bytes")
        given = [f"--{name.replace('_', '-')}" for name in others if getattr(choice, name)]
        if given:
            hint = "edit the plan instead"
            raise UsageError("FM097", where=f"--plan and {given[0]}", problem="exclude each other", hint=hint)
    chain = chosen_chain(choice.chain, choice.preset)
    return Options(
        chain,
        choice.only,
        choice.skip,
        choice.min_bytes,
        dims=dims(data.dim),
        boundary=choice.boundary,
        portable=form.portable,
        emulate=form.emulate,
    )


def _failed(error: VerificationFailed, checked: Checked, common: Common, told: TextIO) -> int:
    """Nothing was written: say what was found."""
    from fmpass.report.verification import verification_view

    if checked.report is None:
        raise error
    report = checked.report
    if common.json:
        more: dict[str, Any] = {"verify": report.as_dict()}
        print_error_document(error, more)
        return error.exit_code
    Output(common).result({}, lambda width: verification_view(report, width), told)
    raise error
