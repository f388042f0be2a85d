"""What verification found, as a table of edges and a few sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fmpass.dtypes import by_name
from fmpass.measure.result import NotRun
from fmpass.report.columns import Column, fitted
from fmpass.report.text import bar, count, number

if TYPE_CHECKING:
    from fmpass.measure.result import EdgeResult, VerifyReport

BAR = 10
COLUMNS = (
    Column("edge", least=20, style="cyan"),
    Column("type", optional=2),
    Column("chain", least=12),
    Column("elements", "right", optional=1),
    Column("b/v", "right"),
    Column("of", "right"),
    Column("payload"),
    Column("same", "right"),
)


def verification_view(report: VerifyReport | NotRun, width: int) -> RenderableType:
    """The table of stored and rewritten edges in `width` columns, then the verdict."""
    if isinstance(report, NotRun):
        return Text.assemble(("not verified: ", "bold yellow"), report.reason)
    rows = [_row(edge) for edge in report.edges if edge.chain or edge.stored]
    return Group(fitted(COLUMNS, rows, width), Text(), _verdict(report))


def _row(edge: EdgeResult) -> tuple[str | Text, ...]:
    bits = by_name(edge.dtype).bits
    name = f"{edge.scope}/{edge.edge}" if edge.scope else edge.edge
    fraction = (edge.bpv or 0.0) / bits
    return (
        name,
        edge.dtype,
        edge.chain or "left alone",
        count(edge.elements),
        "–" if edge.bpv is None else f"{edge.bpv:.2f}",
        str(bits),
        Text(bar(fraction, BAR), style="green" if fraction < 1 else "yellow"),
        _same(edge),
    )


def _same(edge: EdgeResult) -> Text:
    if not edge.chain:
        return Text("")
    if not edge.lossless and edge.max_abs is not None:
        return Text(f"±{number(edge.max_abs)}", style="yellow")
    if edge.identical is None:
        return Text("?", style="yellow")
    return Text("yes", style="green") if edge.identical else Text("NO", style="bold red")


def _verdict(report: VerifyReport) -> Table:
    stored = [edge for edge in report.edges if edge.stored]
    pairs = sum(bool(edge.chain) for edge in report.edges)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    samples = f"{report.samples} feed{'s' * (report.samples != 1)}"
    if report.identical:
        text = Text.assemble(
            ("yes", "bold green"), f": {pairs} restored edges and every output, byte for byte, {samples}"
        )
    elif report.status == "passed":
        text = Text.assemble(("within the declared bounds", "yellow"), f" of the lossy chains, {samples}")
    else:
        text = Text("NO", style="bold red")
    grid.add_row("identical", text)
    if report.failure is not None:
        where = f"{report.failure.where}: " if report.failure.where else ""
        grid.add_row("failure", Text(f"[{report.failure.code}] {where}{report.failure.problem}", style="red"))
    for output in report.outputs:
        if output.max_abs:
            grid.add_row("output", f"{output.name}: max |Δ| {number(output.max_abs)}, {number(output.snr_db)} dB")
    if report.optimized is not None:
        level = report.optimized
        text = "outputs identical" if level.identical else f"outputs differ by at most {number(level.max_abs)}"
        grid.add_row("optimised", f"{text} at onnxruntime's default optimisation level")
    if report.bpv is not None and report.ratio_vs_dtype is not None:
        payload = sum(edge.payload_bits for edge in stored)
        resident = sum(edge.resident_bits for edge in report.edges)
        beside = f", {count(resident // 8)} bytes of resident data beside" if resident else ""
        text = f"{report.bpv:.2f} over {len(stored)} stored edges{beside}"
        grid.add_row("bits/value", text)
        grid.add_row("traffic", _traffic(payload, payload * report.ratio_vs_dtype))
    grid.add_row("runtime", f"onnxruntime {report.runtime}" if report.runtime[:1].isdigit() else report.runtime)
    return grid


def _traffic(payload_bits: int, full_bits: float) -> str:
    if not payload_bits:
        return "nothing is stored"
    less = full_bits / payload_bits
    if abs(less - 1) < 0.005:
        words = "as much as uncompressed"
    else:
        words = f"{less:.2f}× less than uncompressed" if less > 1 else f"{1 / less:.2f}× more than uncompressed"
    return f"{bar(1 / less, 20)} {words}"
