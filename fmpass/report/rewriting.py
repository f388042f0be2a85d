"""What a rewrite did: the JSON, and the tables of decisions and verification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from fmpass.report.decisions import decisions_view
from fmpass.report.verification import verification_view

if TYPE_CHECKING:
    from pathlib import Path

    from fmpass.measure.emulated import EmulationReport
    from fmpass.measure.result import NotRun, VerifyReport
    from fmpass.plan import Plan


def rewrite_document(
    output: Path | None,
    plan: Plan,
    verification: VerifyReport | NotRun | None,
    form: str = "pairs",
    emulation: EmulationReport | None = None,
) -> dict[str, Any]:
    """`output`, `form`, `pairs`, `decisions[]`, `verify`; `emulation` where pairs and operators were compared."""
    decisions = [
        {"edge": d.edge, "scope": d.scope, "action": d.action, "chain": d.chain, "reason": d.reason}
        for d in plan.decisions
    ]
    skipped = {"status": "not_run", "reason": "--no-verify"}
    document: dict[str, Any] = {
        "output": str(output),
        "form": form,
        "pairs": len(plan.pairs),
        "decisions": decisions,
        "verify": skipped if verification is None else verification.as_dict(),
    }
    if emulation is not None:
        document["emulation"] = emulation.as_dict()
    return document


def rewrite_view(
    output: Path | None,
    plan: Plan,
    verification: VerifyReport | NotRun | None,
    width: int,
    explain: bool,
    emulation: EmulationReport | None = None,
) -> RenderableType:
    """The decisions where asked for, the verification, and what was written."""
    parts: list[RenderableType] = []
    if explain:
        parts += [decisions_view(plan.decisions, width), Text()]
    if verification is not None:
        parts += [verification_view(verification, width), Text()]
    if emulation is not None:
        feeds = f"{emulation.samples} feed{'s' * (emulation.samples != 1)}"
        told = f": {emulation.edges} edges and every output as with the pairs, byte for byte, {feeds}"
        parts += [Text.assemble(("emulated in standard operators", "bold green"), told), Text()]
    pairs = len(plan.pairs)
    text = f"{pairs} pair{'s' * (pairs != 1)}, {len(plan.decisions) - pairs} edges left alone, wrote "
    parts.append(Text.assemble(text, (str(output or "stdout"), "cyan")))
    return Group(*parts)
