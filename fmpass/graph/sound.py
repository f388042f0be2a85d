"""Contradictions of a file that no runtime accepts and that nothing behind this point looks for again.

Not a checker: onnx has one, which knows all operators. This is about what the walks over graphs rely on, that they come
to an end and that a name means one value; and onnx's own C++ code does not survive all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from fmpass.errors import UnsupportedModel
from fmpass.graph.schema import DOMAIN

if TYPE_CHECKING:
    import onnx

_OURS = {"chain": 3, "edge": 3, "block": 2, "dtype": 2, "shape": 7}
"""Attributes of our operators and their AttributeProto.AttributeType."""

_Function = tuple[str, str, str]
Key = TypeVar("Key")
_HINTS = {
    "FM107": "run onnx.checker on it",
    "FM108": "inline its functions (onnx.inliner)",
    "FM146": "write the model again with this release",
}


def check(proto: onnx.ModelProto, where: str) -> None:
    """Raises UnsupportedModel FM107 where a value or an attribute is given twice, a node reads what comes out of
    itself, an attribute is of another type than its body, functions are defined twice or call themselves, or a name
    is no text; FM108 where a function takes a body as an attribute, which onnx_ir does not walk over; FM146 where a
    node of our own domain has attributes of other types than its operator.
    """
    found = next(_problems(proto), None)
    if found is not None:
        code, problem = found if isinstance(found, tuple) else ("FM107", found)
        raise UnsupportedModel(code, where=where, problem=problem, hint=_HINTS[code])


def _problems(proto: onnx.ModelProto) -> Iterator[str | tuple[str, str]]:
    yield from _in_graph(proto.graph.node, _given(proto.graph))
    calls: dict[_Function, set[_Function]] = {}
    for function in proto.functions:
        yield from _texts("function", function.domain, function.name, function.overload)
        key = _domain(function.domain), function.name, function.overload
        if key in calls:
            yield f"function {_text(key)} is defined twice"
        calls[key] = {(_domain(n.domain), n.op_type, n.overload) for n in _nodes(function.node)}
        yield from _in_graph(function.node, set(function.input), in_function=True)
    again = _cycle({key: [callee for callee in sorted(found) if callee in calls] for key, found in calls.items()})
    if again is not None:
        yield f"function {_text(again)} calls itself"


def _in_graph(
    nodes: Iterable[onnx.NodeProto], given: set[str], in_function: bool = False
) -> Iterator[str | tuple[str, str]]:
    """Problems of a graph and the bodies in it."""
    todo = [(list(nodes), given)]
    while todo:
        current, names = todo.pop()
        makers: dict[str, int] = {}
        for place, node in enumerate(current):
            yield from _texts("node", node.name, node.op_type, node.domain, node.overload, *node.input, *node.output)
            for name in node.output:
                if name and (name in makers or name in names):
                    yield f"value {name!r} is defined twice"
                makers[name] = place
        makers.pop("", None)
        reads = [names_read(node) for node in current]
        if any(makers.get(name, -1) >= place for place, found in enumerate(reads) for name in found):  # not sorted
            order = {place: [makers[n] for n in found if n in makers] for place, found in enumerate(reads)}
            place = _cycle(order)
            if place is not None:
                yield f"node {current[place].name or current[place].op_type!r} reads what comes out of itself"
        for node in current:
            if len({attribute.name for attribute in node.attribute}) < len(node.attribute):
                yield f"node {node.name or node.op_type!r} has an attribute twice"
            for attribute in node.attribute:
                if attribute.ref_attr_name and attribute.type in (attribute.GRAPH, attribute.GRAPHS) and in_function:
                    yield "FM108", f"node {node.name or node.op_type!r} takes its body from an attribute of a function"
                yield from _in_attribute(node, attribute, in_function)
                for body in _bodies(attribute):
                    todo.append((list(body.node), _given(body)))


def _texts(what: str, *names: object) -> Iterator[str]:
    """protobuf gives bytes for what is not UTF-8."""
    for name in names:
        if not isinstance(name, str):
            yield f"a {what} has {name!r} as a name, which is not UTF-8"


def _in_attribute(
    node: onnx.NodeProto, attribute: onnx.AttributeProto, in_function: bool
) -> Iterator[str | tuple[str, str]]:
    graph, graphs = attribute.type == attribute.GRAPH, attribute.type == attribute.GRAPHS
    refers = bool(attribute.ref_attr_name)
    place = f"attribute {attribute.name!r} of node {node.name or node.op_type!r}"
    if attribute.HasField("g") != (graph and not refers) or (bool(attribute.graphs) and (refers or not graphs)):
        yield f"{place} is not of the type that it says"
    if refers and not in_function:
        yield f"{place} is taken from a function, but it is in none"
    if node.domain == DOMAIN and attribute.type != _OURS.get(attribute.name, attribute.type):
        yield "FM146", f"{place} is of another type than its operator takes"


def _given(graph: onnx.GraphProto) -> set[str]:
    """Names that a graph has before its first node."""
    return {*(i.name for i in graph.input), *(t.name for t in graph.initializer)}


def names_read(node: onnx.NodeProto) -> set[str]:
    """Names that a node reads, those that its bodies take from outside included."""
    found = set(node.input)
    nothing: frozenset[str] = frozenset()
    todo = [(body, nothing) for attribute in node.attribute for body in _bodies(attribute)]
    while todo:
        body, hidden = todo.pop()
        own = hidden.union(_given(body), *(inner.output for inner in body.node))
        found |= {name for inner in body.node for name in inner.input if name not in own}
        found |= {output.name for output in body.output if output.name not in own}
        todo.extend((b, own) for inner in body.node for attribute in inner.attribute for b in _bodies(attribute))
    found.discard("")
    return found


def _nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """These nodes and those of their bodies."""
    todo = list(nodes)
    while todo:
        node = todo.pop()
        yield node
        todo.extend(inner for attribute in node.attribute for body in _bodies(attribute) for inner in body.node)


def _bodies(attribute: onnx.AttributeProto) -> list[onnx.GraphProto]:
    if attribute.type == attribute.GRAPH:
        return [attribute.g]
    return list(attribute.graphs) if attribute.type == attribute.GRAPHS else []


def _cycle(edges: dict[Key, list[Key]]) -> Key | None:
    """A member of a cycle, None where there is none. Kahn's algorithm."""
    waiting = {key: len(targets) for key, targets in edges.items()}
    readers: dict[Key, list[Key]] = {}
    for key, targets in edges.items():
        for target in targets:
            readers.setdefault(target, []).append(key)
    ready = [key for key, count in waiting.items() if not count]
    while ready:
        key = ready.pop()
        del waiting[key]
        for reader in readers.get(key, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    return next(iter(waiting), None)


def _text(function: _Function) -> str:
    domain, name, overload = function
    return f"{domain or 'ai.onnx'}::{name}{':' if overload else ''}{overload}"


def _domain(name: str) -> str:
    """The default domain has two spellings."""
    return "" if name == "ai.onnx" else name
