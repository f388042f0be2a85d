"""From edges and options to decisions."""

from __future__ import annotations

import dataclasses

import pytest

from fmpass.dtypes import by_name
from fmpass.errors import UsageError
from fmpass.graph.edges import Edge
from fmpass.plan import Decision, Options, Plan
from fmpass.plan.select import check_plan, complete, select


def edge(name: str, dtype: str | None = "float32", **more: object) -> Edge:
    plain = Edge(
        name=name,
        scope="",
        dtype=by_name(dtype) if dtype else None,
        type_number=by_name(dtype).onnx if dtype else 8,
        shape=("N", 4),
        producer="a",
        producer_op="Relu",
        consumers=("b",),
        stored=True,
        reason="" if dtype else "string tensors have no fixed width",
        nbytes=64,
        first_use=0,
        last_use=1,
    )
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]


EDGES = (
    edge("conv1/relu"),
    edge("conv2/relu"),
    edge("inner", stored=False, reason="the inside of a fused region: Relu follows"),
    edge("text", None),
    edge("body", scope="If_0/then_branch"),
)


def test_every_edge_gets_a_decision_with_a_reason() -> None:
    plan = select(EDGES)
    assert [(d.scope, d.edge) for d in plan.decisions] == [e.key for e in EDGES]
    assert [d.action for d in plan.decisions] == ["pair", "pair", "leave", "leave", "pair"]
    assert [d.chain for d in plan.decisions] == ["zvc", "zvc", "", "", "zvc"]
    assert all(d.reason for d in plan.decisions)
    assert plan.decisions[3].reason == "string tensors have no fixed width"


@pytest.mark.parametrize(
    ("dtype", "zero_point", "chain"),
    [
        ("uint8", 128, "quant{step=1.0,zero_point=128,signed=false}|zvc"),
        ("int8", -5, "quant{step=1.0,zero_point=-5}|zvc"),
        ("uint16", 7, "quant{bits=16,step=1.0,zero_point=7,signed=false}|zvc"),
        ("int16", 7, "quant{bits=16,step=1.0,zero_point=7}|zvc"),
        ("uint8", 0, "zvc"),
        ("int8", None, "zvc"),
        ("int32", 3, "zvc"),
        ("float32", None, "zvc"),
    ],
)
def test_the_default_is_lossless_and_knows_the_zero_point(dtype: str, zero_point: int | None, chain: str) -> None:
    from fmpass.codecs.chain import Chain

    decision = select([edge("q", dtype, zero_point=zero_point)]).decisions[0]
    assert decision.chain == chain
    assert Chain.parse(decision.chain).lossless(by_name(dtype))


def test_a_chain_that_cannot_take_a_type_leaves_the_edge() -> None:
    plan = select([edge("f"), edge("i", "int64")], Options(chain="quant{bits=8}|zvc"))
    assert [d.action for d in plan.decisions] == ["pair", "leave"]
    assert "int64" in plan.decisions[1].reason


def test_only_skip_and_size() -> None:
    options = Options(only=("*relu",), skip=("conv2*",))
    assert [d.edge for d in select(EDGES, options).pairs] == ["conv1/relu"]
    assert [d.edge for d in select(EDGES, Options(only=("If_0/*",))).pairs] == ["body"]
    small = select([edge("a"), edge("b", nbytes=4096), edge("c", nbytes=None)], Options(min_nbytes=100))
    assert [d.edge for d in small.pairs] == ["b", "c"]
    assert "64 bytes" in small.decisions[0].reason


@pytest.mark.parametrize("flag", ["only", "skip"])
def test_a_glob_that_matches_nothing_names_the_nearest_edge(flag: str) -> None:
    with pytest.raises(UsageError) as caught:
        select(EDGES, Options(**{flag: ("conv1/rely",)}))
    assert caught.value.code == "FM023" and "conv1/relu" in caught.value.hint


def test_an_unknown_dimension_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        select(EDGES, Options(dims={"M": 3}))
    assert caught.value.code == "FM025" and "'N'" in caught.value.hint
    assert select(EDGES, Options(dims={"N": 3})).pairs


def test_a_bad_chain() -> None:
    with pytest.raises(UsageError) as caught:
        select(EDGES, Options(chain="zvcc"))
    assert caught.value.code == "FM001" and "zvc" in caught.value.hint


def test_plans_survive_json() -> None:
    plan = select(EDGES)
    text = plan.to_json()
    assert Plan.from_json(text) == plan
    assert Plan.from_json(text).to_json() == text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"{", "not a plan"),
        (b'{"decisions": [{"edge": "a", "action": "pear", "chain": "", "reason": ""}]}', "action"),
        (b'{"decisions": [], "colour": 1}', "colour"),
        (b'{"decisions": [], "version": 2}', "version 2"),
    ],
)
def test_what_is_no_plan(text: bytes, part: str) -> None:
    with pytest.raises(UsageError) as caught:
        Plan.from_json(text, "p.json")
    assert caught.value.code == "FM020" and part in caught.value.problem and caught.value.where == "p.json"


def _decision(name: str, action: str = "pair", chain: str = "zvc", scope: str = "") -> Decision:
    return Decision(name, action, chain, "by hand", scope)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decisions", "code"),
    [
        ([_decision("conv1/rely")], "FM021"),
        ([_decision("conv1/relu"), _decision("conv1/relu", "leave", "")], "FM024"),
        ([_decision("text")], "FM024"),
        ([_decision("conv1/relu", chain="nope")], "FM001"),
        ([_decision("conv1/relu", chain="ebpc{block=64}")], "FM003"),
        ([_decision("body")], "FM021"),
    ],
)
def test_plans_that_do_not_fit(decisions: list[Decision], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_plan(Plan(tuple(decisions)), EDGES)
    assert caught.value.code == code and caught.value.hint


def test_a_pair_that_is_there_stays_as_it_is() -> None:
    there = [edge("a", paired=True, chain="zrle"), edge("b")]
    for plan in (select(there, Options(chain="raw")), complete(Plan((_decision("a", "leave", ""),)), there)):
        assert plan.decisions[0] == Decision("a", "pair", "zrle", "it has its pair already")


def test_a_plan_may_be_partial_and_may_take_inner_edges() -> None:
    plan = Plan((_decision("inner", chain=" zvc "), _decision("conv2/relu", "leave", "")), objective="traffic")
    check_plan(plan, EDGES)
    whole = complete(plan, EDGES)
    assert [d.action for d in whole.decisions] == ["leave", "leave", "pair", "leave", "leave"]
    assert whole.decisions[2].chain == "zvc"
    assert whole.decisions[0].reason == "the plan does not name it"
