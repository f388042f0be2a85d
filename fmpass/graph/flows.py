"""The data flow of every scope: bodies know the constants around them, functions those that all their calls give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fmpass.graph.flow import Flow
from fmpass.graph.walk import function_path

if TYPE_CHECKING:
    import onnx_ir as ir

    from fmpass.graph.walk import Scope


class Flows:
    """Flow by scope path. `called` are the paths of functions that the main graph reaches."""

    def __init__(self, scopes: Sequence[Scope]) -> None:
        self._by_path: dict[str, Flow] = {}
        self._arguments: dict[str, list[bool]] = {}
        """Path of a function → whether each of its arguments is a constant in all calls so far."""
        parts: dict[str, list[Scope]] = {}
        for scope in scopes:
            parts.setdefault(scope.function, []).append(scope)
        for path in _callers_first(parts):
            for scope in parts[path]:
                self._by_path[scope.path] = self._flow(scope)

    def __getitem__(self, path: str) -> Flow:
        return self._by_path[path]

    @property
    def called(self) -> frozenset[str]:
        """Functions that something calls which is not itself a function without calls."""
        return frozenset(self._arguments)

    def _flow(self, scope: Scope) -> Flow:
        if scope.owner is not None:
            constants = self._by_path[scope.parent].constants
        else:
            known = self._arguments.get(scope.function, [])
            constants = frozenset(v for v, constant in zip(scope.graph.inputs, known, strict=False) if constant)
        flow = Flow(scope.graph, constants, in_function=bool(scope.function))
        if not scope.function or scope.function in self._arguments:
            for node in flow.nodes:
                self._note(node, flow.constants)
        return flow

    def _note(self, node: ir.Node, constants: frozenset[ir.Value]) -> None:
        """Remember the arguments of what may be a call. One that is left out is a constant too."""
        path = function_path(*node.op_identifier())
        given = [value is None or value in constants for value in node.inputs]
        known = self._arguments.get(path)
        if known is None:
            self._arguments[path] = given
            return
        longest = max(len(known), len(given))
        padded = ([*values, *[True] * (longest - len(values))] for values in (known, given))
        self._arguments[path] = [a and b for a, b in zip(*padded, strict=True)]


def _callers_first(parts: dict[str, list[Scope]]) -> Iterable[str]:
    """The main graph, then functions in an order in which callers come before what they call."""
    done: dict[str, None] = {}

    def visit(start: str) -> None:
        todo = [(start, iter(_callees(parts[start])))]
        while todo:
            path, callees = todo[-1]
            inner = next((c for c in callees if c in parts and c not in done and all(c != p for p, _ in todo)), None)
            if inner is not None:
                todo.append((inner, iter(_callees(parts[inner]))))
            else:
                done[path] = None
                todo.pop()

    for path in parts:
        if path not in done:
            visit(path)
    return reversed(done)


def _callees(scopes: Sequence[Scope]) -> dict[str, None]:
    return dict.fromkeys(function_path(*node.op_identifier()) for scope in scopes for node in scope.graph)
