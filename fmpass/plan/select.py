"""From edges and options to a plan: one decision for every edge, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from fmpass.errors import UsageError
from fmpass.plan.options import Options
from fmpass.plan.plan import Decision, Plan

if TYPE_CHECKING:
    from fmpass.codecs.chain import Chain
    from fmpass.dtypes import DType
    from fmpass.graph.edges import Edge

DEFAULT_CHAIN = "zvc"


def select(edges: Sequence[Edge], options: Options | None = None) -> Plan:
    """Decide on every edge, in their order.

    Raises UsageError FM001 … FM004 for a chain that is none, FM023 for a glob that matches nothing.
    """
    asked = options or Options()
    check_globs("--only", asked.only, edges)
    check_globs("--skip", asked.skip, edges)
    check_dims(asked, edges)
    chain = _parse(asked.chain) if asked.chain is not None else None
    return Plan(tuple(_decide(edge, asked, chain) for edge in edges))


def check_plan(plan: Plan, edges: Sequence[Edge]) -> None:
    """Every decision of a plan made elsewhere must fit an edge, and its chain the edge's type.

    Raises UsageError FM021 naming the nearest edge, FM024 where an edge is decided on twice or cannot have a pair, and
    FM001 … FM006 for a chain that does not serve.
    """
    known = {edge.key: edge for edge in edges}
    seen: set[tuple[str, str]] = set()
    for decision in plan.decisions:
        key = (decision.scope, decision.edge)
        edge = known.get(key)
        where = f"edge {_full_name(decision.scope, decision.edge)!r} of the plan"
        if edge is None:
            raise UsageError(
                "FM021", where=where, problem="the model has no such edge", hint=_nearest(_full_name(*key), edges)
            )
        if key in seen:
            raise UsageError(
                "FM024", where=where, problem="the plan decides on it twice", hint="keep one of the decisions"
            )
        seen.add(key)
        if decision.action != "pair":
            continue
        if edge.dtype is None or edge.obstacle:
            why = edge.obstacle or edge.reason
            raise UsageError(
                "FM024", where=where, problem=f"it cannot have a pair: {why}", hint='set its action to "leave"'
            )
        rejection = _parse(decision.chain).rejects(edge.dtype, _rank(edge))
        if rejection:
            raise UsageError(
                "FM006",
                where=where,
                problem=f"the chain cannot take {edge.dtype.name}: {rejection}",
                hint="choose another chain",
            )


def complete(plan: Plan, edges: Sequence[Edge]) -> Plan:
    """The plan with canonical chains, in the order of the edges, and edges that it does not name left alone."""
    given = {(d.scope, d.edge): d for d in plan.decisions}
    decisions: list[Decision] = []
    for edge in edges:
        decision = given.get(edge.key)
        if edge.paired:
            decision = _kept(edge)
        elif decision is None:
            decision = Decision(edge.name, "leave", "", "the plan does not name it", edge.scope)
        elif decision.action == "pair":
            decision = Decision(edge.name, "pair", str(_parse(decision.chain)), decision.reason, edge.scope)
        decisions.append(decision)
    return Plan(tuple(decisions), plan.objective)


def check_globs(flag: str, globs: Iterable[str], edges: Sequence[Edge]) -> None:
    """Raises UsageError FM023 for a glob that matches no edge, naming the nearest edge."""
    for glob in globs:
        if not any(_matches(edge, glob) for edge in edges):
            raise UsageError("FM023", where=f"{flag} {glob}", problem="matches no edge", hint=_nearest(glob, edges))


def check_dims(options: Options, edges: Sequence[Edge]) -> None:
    """Raises UsageError FM025 for a dimension that no edge has."""
    known = {dim for edge in edges for dim in edge.shape or () if isinstance(dim, str)}
    for name in options.dims:
        if name not in known:
            near = get_close_matches(name, sorted(known), n=1, cutoff=0.0)
            hint = f"did you mean {near[0]!r}?" if near else "the model has no symbolic dimension"
            raise UsageError(
                "FM025", where=f"--dim {name}", problem="no tensor of the model has a dimension of this name", hint=hint
            )


def _decide(edge: Edge, options: Options, chain: Chain | None) -> Decision:
    def leave(reason: str) -> Decision:
        return Decision(edge.name, "leave", "", reason, edge.scope)

    if edge.paired:
        return _kept(edge)
    if edge.dtype is None or edge.obstacle or not (edge.eligible or options.boundary):
        return leave((options.boundary and edge.obstacle) or edge.reason)
    if options.only and not any(_matches(edge, glob) for glob in options.only):
        return leave("not among those named by --only")
    if any(_matches(edge, glob) for glob in options.skip):
        return leave("named by --skip")
    if edge.nbytes is not None and edge.nbytes < options.min_nbytes:
        return leave(f"{edge.nbytes} bytes are fewer than --min-bytes {options.min_nbytes}")
    if chain is None:
        text, reason = _default(edge.dtype, edge.zero_point)
    else:
        rejection = chain.rejects(edge.dtype, _rank(edge))
        if rejection:
            return leave(f"the chain cannot take {edge.dtype.name}: {rejection}")
        text, reason = str(chain), "the chain that was asked for"
    return Decision(edge.name, "pair", text, reason, edge.scope)


def _kept(edge: Edge) -> Decision:
    return Decision(edge.name, "pair", edge.chain, "it has its pair already", edge.scope)


@cache
def _default(dtype: DType, zero_point: int | None) -> tuple[str, str]:
    """The best lossless chain that needs no data, and why."""
    if zero_point and dtype.kind in ("int", "uint") and dtype.bits in (8, 16):
        signed = "true" if dtype.kind == "int" else "false"
        text = f"quant{{bits={dtype.bits},step=1.0,zero_point={zero_point},signed={signed}}}|{DEFAULT_CHAIN}"
        chain = _parse(text)
        if not chain.rejects(dtype):
            return str(chain), f"zeros compress once the zero point {zero_point} is subtracted; lossless"
    return str(_parse(DEFAULT_CHAIN)), "lossless, needs no data; blocks that would grow travel raw"


def _parse(text: str) -> Chain:
    from fmpass.codecs.chain import Chain

    return Chain.parse(text)


def _rank(edge: Edge) -> int | None:
    return None if edge.shape is None else len(edge.shape)


def _full_name(scope: str, name: str) -> str:
    return f"{scope}/{name}" if scope else name


def _matches(edge: Edge, glob: str) -> bool:
    return fnmatchcase(edge.name, glob) or (bool(edge.scope) and fnmatchcase(_full_name(edge.scope, edge.name), glob))


def _nearest(name: str, edges: Sequence[Edge]) -> str:
    close = get_close_matches(name, [_full_name(*e.key) for e in edges], n=1, cutoff=0.0)
    return f"the nearest edge is {close[0]!r}" if close else "the model has no edges"
