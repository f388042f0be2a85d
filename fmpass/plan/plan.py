"""Decision and Plan as values, and their JSON text."""

from __future__ import annotations

from typing import Literal

import msgspec

from fmpass.errors import UsageError

Action = Literal["pair", "leave"]


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to one edge. `scope` is "" for the main graph, else the path of the subgraph.

    `chain` is the canonical chain text of a pair and "" for an edge left alone; `reason` is a sentence for people.
    """

    edge: str
    action: Action
    chain: str
    reason: str
    scope: str = ""


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All decisions of a model in the order of its nodes. `objective` is what they were taken for."""

    decisions: tuple[Decision, ...]
    objective: str = "traffic"
    version: int = 1

    @property
    def pairs(self) -> tuple[Decision, ...]:
        """The decisions that put a pair on an edge."""
        return tuple(d for d in self.decisions if d.action == "pair")

    def to_json(self) -> bytes:
        """Indented JSON, the same bytes for the same plan."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @staticmethod
    def from_json(text: bytes, where: str = "plan") -> Plan:
        """Read a plan, also one edited by hand. Raises UsageError FM020 naming the field that does not fit."""
        try:
            plan = msgspec.json.decode(text, type=Plan)
        except msgspec.DecodeError as error:  # ValidationError is one of these
            raise UsageError(
                "FM020",
                where=where,
                problem=f"not a plan: {error}",
                hint="compare with the output of `fmpass rewrite --json`",
            ) from None
        if plan.version != 1:
            raise UsageError(
                "FM020",
                where=where,
                problem=f"plan version {plan.version} is not known",
                hint="this release writes version 1",
            )
        return plan
