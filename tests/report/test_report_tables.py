"""Tables fit their width: no number is wrapped or cut, names give way in the middle."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from fmpass.dtypes import by_name
from fmpass.graph.edges import Edge
from fmpass.measure.result import EdgeResult, Failure, NotRun, OptimizedResult, OutputResult, VerifyReport
from fmpass.plan import Decision
from fmpass.report.checks import Check, checks_view
from fmpass.report.codecs import catalogue, codecs_view
from fmpass.report.columns import Column, fitted
from fmpass.report.decisions import decisions_view
from fmpass.report.edges import edges_view, totals_of
from fmpass.report.verification import verification_view

LONG = "/backbone/layer1/layer1.0/conv1/Conv_output_0_with_a_name_that_exporters_like"
WIDTHS = (80, 100, 140)


def drawn(view: object, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), highlight=False)
    with console.capture() as captured:
        console.print(view)
    return captured.get().splitlines()


def edge_result(name: str, chain: str, bpv: float, **more: object) -> EdgeResult:
    fields = {"scope": "", "dtype": "float32", "stored": True, "elements": 12_345_678, "resident_bits": 0}
    bits = int(bpv * 12_345_678)
    return EdgeResult(edge=name, chain=chain, bpv=bpv, payload_bits=bits, **(fields | more))  # type: ignore[arg-type]


def report(**more: object) -> VerifyReport:
    edges = (
        edge_result("relu", "zvc", 16.67, identical=True),
        edge_result(LONG, "quant{bits=8,signed=false}|ebpc{max_zero_run=32}", 3.21, lossless=False, max_abs=0.0123),
        edge_result("pool", "", 32.0),
        edge_result("inside", "", 32.0, stored=False),
    )
    fields: dict[str, object] = {
        "status": "passed",
        "identical": True,
        "lossless": True,
        "samples": 48,
        "optimized": OptimizedResult(False, 3.2e-7),
        "outputs": (OutputResult("scores", True, 0.0, None),),
        "edges": edges,
        "bpv": 17.3,
        "ratio_vs_dtype": 1.85,
        "runtime": "1.32.0",
    }
    return VerifyReport(**(fields | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [30, 50, 80, 120, 300])
def test_the_elastic_column_gives_way_first(width):
    columns = (Column("name", least=10), Column("number", "right"), Column("note", optional=1))
    rows = [(LONG, "123456.789", "something less important"), ("b", "1", "")]
    lines = drawn(fitted(columns, rows, width), width)
    assert len(lines) == 4
    assert all(len(line) <= width for line in lines)
    assert "123456.789" in lines[2]
    assert ("something less important" in lines[2]) == (width >= 50)
    assert ("…" in lines[2]) == (width < 120)
    assert (LONG in lines[2]) == (width >= 120)


@pytest.mark.parametrize("width", WIDTHS)
def test_verification_keeps_every_number_whole(width):
    lines = drawn(verification_view(report(), width), width)
    assert all(len(line) <= width for line in lines)
    table = lines[: lines.index(next(line for line in lines if not line.strip()))]
    assert len(table) == 2 + 3, "one line an edge; what stays inside a fused region is not listed"
    text = "\n".join(table)
    assert all(number in text for number in ("16.67", "3.21", "32", "±0.0123"))
    assert "/backbone" in text
    assert "left alone" in text
    assert "1.85× less" in "\n".join(lines)


def test_verification_says_what_is_wrong():
    failure = Failure("FM401", "edge 'relu'", "the restored tensor differs", "")
    text = "\n".join(drawn(verification_view(report(status="failed", identical=False, failure=failure), 100), 100))
    assert "NO" in text
    assert "FM401" in text
    assert "the restored tensor differs" in text


def test_a_rewrite_that_changes_nothing_is_not_called_a_gain():
    text = "\n".join(drawn(verification_view(report(bpv=32.01, ratio_vs_dtype=0.9997), 100), 100))
    assert "as much as uncompressed" in text


def test_a_rewrite_that_costs_is_not_called_a_gain():
    text = "\n".join(drawn(verification_view(report(bpv=32.5, ratio_vs_dtype=0.98), 100), 100))
    assert "1.02× more" in text


def test_not_run_gives_the_reason():
    assert "no such input" in "\n".join(drawn(verification_view(NotRun("no such input"), 80), 80))


def edge(name: str, **more: object) -> Edge:
    fields: dict[str, object] = {
        "scope": "",
        "dtype": by_name("float32"),
        "type_number": 1,
        "shape": ("batch", 64, 112, 112),
        "producer": "relu",
        "producer_op": "Relu",
        "consumers": ("conv",),
        "stored": True,
        "reason": "",
        "nbytes": 3_211_264,
        "first_use": 2,
        "last_use": 5,
    }
    return Edge(name=name, **(fields | more))  # type: ignore[arg-type]


def totals(stored: int, nbytes: int) -> dict[str, object]:
    sums = {"activation_nbytes": nbytes, "peak_live_nbytes": nbytes, "weight_nbytes": None}
    return {"stored": stored, "assumed_dims": {"batch": 1}, **sums}


@pytest.mark.parametrize("width", WIDTHS)
def test_edges_are_one_line_each(width):
    edges = [
        edge("relu"),
        edge(LONG, scope="If_0/then_branch", first_use=0, last_use=9),
        edge("text", dtype=None, type_number=8, shape=None, nbytes=None, stored=False, reason="string tensors"),
        edge("done", paired=True),
    ]
    view = edges_view(edges, totals_of(edges, totals(3, 9_633_792)), width)
    lines = drawn(view, width)
    assert all(len(line) <= width for line in lines)
    assert lines[6] == ""
    assert "batch×64×112×112" in lines[2]
    assert "3.06 MiB" in lines[2]
    assert "pair" in lines[5]
    assert "4, 3 of them stored, 1 with a pair" in "\n".join(lines)


def test_a_model_without_edges():
    assert "no activation edges" in "\n".join(drawn(edges_view([], totals_of([], totals(0, 0)), 80), 80))


@pytest.mark.parametrize("width", WIDTHS)
def test_decisions_give_whole_reasons(width):
    reason = "the chain cannot take int64: bpc: groups of 32 words do not fit the words of this element type at all"
    decisions = [Decision("relu", "pair", "zvc", "lossless"), Decision(LONG, "leave", "", reason, "Loop_1/body")]
    lines = drawn(decisions_view(decisions, width), width)
    assert all(len(line) <= width for line in lines)
    words = " ".join(" ".join(lines).split())
    for word in reason.split():
        assert word in words


@pytest.mark.parametrize("width", WIDTHS)
def test_the_catalogue_names_every_stage_and_parameter(width):
    listing = catalogue()
    lines = drawn(codecs_view(listing, width), width)
    text = "\n".join(lines)
    assert all(len(line) <= width for line in lines)
    for stage in listing["stages"]:
        assert f"\n{stage['name']} " in text
        assert all(f" {p['name']} " in text for p in stage["parameters"])


def test_checks_give_the_remedy_of_what_failed_only():
    checks = [Check("numpy", True, "2.0", "never shown"), Check("library", False, "not there", "build it")]
    text = "\n".join(drawn(checks_view(checks), 80))
    assert "FAILED" in text
    assert "build it" in text
    assert "never shown" not in text
