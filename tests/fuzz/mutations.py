"""Ways to damage a model file: bytes, single fields of the protobuf, and the structure of the graph."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import onnx
from google.protobuf.message import DecodeError, EncodeError

NUMBERS = (0, 1, -1, 2, 3, 7, 13, 21, 99, -7, 2**15, 2**31 - 1, -(2**31), 2**32, 2**40, 2**62, 2**63 - 1, -(2**63))
FLOATS = (0.0, -0.0, 1.0, 1e38, -1e38, float("inf"), float("-inf"), float("nan"))
NAMES = ("", " ", "x", "x__fm_payload", "x__FmCompress", "π·名前", "a/b", "../../etc", "0", "\x00", "%s{}", "n" * 5000)
OPERATORS = (
    "If", "Loop", "Scan", "Constant", "ConstantOfShape", "Reshape", "Expand", "Identity", "Conv", "Cast", "Concat",
    "Split", "SequenceAt", "SequenceMap", "QuantizeLinear", "DequantizeLinear", "Resize", "Pad", "Tile", "Range",
    "OneHot", "TopK", "Loop", "LSTM", "Einsum", "CenterCropPad", "OptionalGetElement", "FmCompress", "FmDecompress",
)  # fmt: skip
DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "ai.fmpass", "local", "no.such")


def mutant(rng: random.Random, seeds: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """(what was done to which seed, the bytes of the file)."""
    name, data = rng.choice(seeds)
    kind = rng.random()
    if kind < 0.25:
        how, data = damaged_bytes(rng, data)
        return f"{name}: {how}", data
    proto = onnx.ModelProto.FromString(data)
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4, 8))):
        change = rng.choice(STRUCTURAL) if rng.random() < 0.4 else change_field
        try:
            done.append(f"{change.__name__} {change(rng, proto) or ''}".strip())
        except (ValueError, TypeError, EncodeError, DecodeError, IndexError):  # what protobuf itself does not take
            continue
    try:
        return f"{name}: {', '.join(done)}", proto.SerializeToString()
    except (ValueError, EncodeError):  # nested deeper than protobuf writes
        return f"{name}: untouched", data


def damaged_bytes(rng: random.Random, data: bytes) -> tuple[str, bytes]:
    """Flip, cut, insert, repeat or overwrite bytes, or append a graph of very many bodies in bodies."""
    kind = rng.randrange(7)
    at = rng.randrange(max(1, len(data)))
    if kind == 0:
        return f"cut at {at}", data[:at]
    if kind == 1:
        length = rng.choice((1, 2, 8, 64, 1000))
        return f"{length} bytes from {at} taken out", data[:at] + data[at + length :]
    if kind == 2:
        piece = bytes(rng.randrange(256) for _ in range(rng.choice((1, 2, 4, 32))))
        return f"{len(piece)} bytes inserted at {at}", data[:at] + piece + data[at:]
    if kind == 3:
        length = rng.choice((4, 32, 512))
        return f"{length} bytes from {at} repeated", data[: at + length] + data[at:]
    if kind == 4:
        return f"longest varint at {at}", data[:at] + b"\xff" * 9 + b"\x01" + data[at + 10 :]
    if kind == 5:
        depth = rng.choice((32, 50, 1000, 4000))
        return f"{depth} bodies in bodies", data + _field(7, deep(depth))
    changed = bytearray(data)
    flips = rng.choice((1, 1, 2, 4, 16))
    for _ in range(flips):  # most in front, where the structure is
        place = rng.randrange(len(changed)) if rng.random() < 0.5 else rng.randrange(min(len(changed), 400))
        changed[place] ^= 1 << rng.randrange(8)
    return f"{flips} bits flipped", bytes(changed)


def deep(depth: int) -> bytes:
    """A GraphProto with so many bodies in bodies that protobuf would not write it."""
    graph = b""
    for _ in range(depth):
        attribute = _field(1, b"body") + _field(6, graph) + b"\xa0\x01\x05"  # name, g, type GRAPH
        graph = _field(1, _field(4, b"If") + _field(5, attribute))  # node: op_type, attribute
    return graph


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field of the wire format."""
    length, left = b"", len(data)
    while left > 0x7F:
        length += bytes([left & 0x7F | 0x80])
        left >>= 7
    return bytes([number << 3 | 2]) + length + bytes([left]) + data


def messages(message: Any, depth: int = 0) -> Iterator[Any]:
    """All messages of a message, itself first, as far down as is sensible."""
    yield message
    if depth < 24:
        for field, value in message.ListFields():
            if field.message_type is not None:
                for inner in value if _repeated(value) else (value,):
                    yield from messages(inner, depth + 1)


def _repeated(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def change_field(rng: random.Random, proto: onnx.ModelProto, part: Any = None) -> str:
    """Any field of any message, of `part` where given, becomes something else of its type, or goes, or appears."""
    message = rng.choice(list(messages(proto if part is None else part)))
    field = rng.choice(message.DESCRIPTOR.fields)
    value = getattr(message, field.name)
    if _repeated(value):
        _change_list(rng, message, field, value)
    elif field.message_type is not None:
        if message.HasField(field.name) and rng.random() < 0.6:
            message.ClearField(field.name)
        else:
            value.SetInParent()
    elif rng.random() < 0.15:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, scalar(rng, field, value, proto))
    return f"{message.DESCRIPTOR.name}.{field.name}"


def _change_list(rng: random.Random, message: Any, field: Any, value: Any) -> None:
    kind = rng.randrange(5)
    if kind == 0 and len(value):
        del value[rng.randrange(len(value))]
    elif kind == 1:
        message.ClearField(field.name)
    elif field.message_type is not None:
        if kind == 2 and len(value):
            value.add().CopyFrom(rng.choice(list(value)))
        elif kind == 3:
            copies = [type(item).FromString(item.SerializeToString()) for item in value]
            rng.shuffle(copies)
            del value[:]
            value.extend(copies)
        else:
            value.add()
    elif kind == 2 and len(value):
        value[rng.randrange(len(value))] = scalar(rng, field, value[0], None)
    elif kind == 3:
        value.extend(list(value)[:1000])
    else:
        value.append(scalar(rng, field, None, None))


def scalar(rng: random.Random, field: Any, old: Any, proto: onnx.ModelProto | None) -> Any:
    """A value of the field's type that a writer would hardly choose."""
    if field.type == field.TYPE_STRING:
        used = names(proto) if proto is not None else []
        return rng.choice(NAMES) if not used or rng.random() < 0.5 else rng.choice(used)
    if field.type == field.TYPE_BYTES:
        raw = bytes(rng.randrange(256) for _ in range(rng.choice((0, 1, 3, 8, 100))))
        return raw if not old or rng.random() < 0.5 else old[: rng.randrange(len(old))]
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return rng.choice(FLOATS)
    if field.type == field.TYPE_ENUM:
        return rng.choice((*field.enum_type.values_by_number, 99, 0))
    if rng.random() < 0.3:
        return rng.randrange(0, 30)
    number = rng.choice(NUMBERS)
    if field.type in (field.TYPE_INT32,):
        return number & 0x7FFFFFFF if number > 0 else max(number, -(2**31))
    return number & (2**63 - 1) if field.type == field.TYPE_UINT64 else number


def names(proto: onnx.ModelProto) -> list[str]:
    """Value names that the graphs use."""
    found = {name for node in nodes(proto) for name in (*node.input, *node.output)}
    return sorted(found | {info.name for info in (*proto.graph.input, *proto.graph.output)})


def nodes(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """All nodes of graphs, bodies and functions."""
    return [m for m in messages(proto) if isinstance(m, onnx.NodeProto)]


def _node(rng: random.Random, proto: onnx.ModelProto) -> onnx.NodeProto:
    return rng.choice(nodes(proto))


def cycle(rng: random.Random, proto: onnx.ModelProto) -> None:
    """A node reads what comes out of itself or of a later one."""
    node = _node(rng, proto)
    node.input.append(rng.choice((*node.output, *names(proto))))
    if len(node.input) > 1:
        node.input[0] = node.input[-1]


def dangling_input(rng: random.Random, proto: onnx.ModelProto) -> None:
    """A node reads a value that nobody makes."""
    node = _node(rng, proto)
    if node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(("nowhere", *NAMES))


def same_name_twice(rng: random.Random, proto: onnx.ModelProto) -> None:
    """Two values, an input and a value, or two nodes share a name."""
    node = _node(rng, proto)
    if node.output:
        node.output[rng.randrange(len(node.output))] = rng.choice(names(proto))
    node.name = _node(rng, proto).name


def odd_dims(rng: random.Random, proto: onnx.ModelProto) -> None:
    """Negative, huge or missing sizes in a type or an initializer."""
    tensors = [m for m in messages(proto) if isinstance(m, (onnx.TensorShapeProto, onnx.TensorProto))]
    chosen = rng.choice(tensors)
    if isinstance(chosen, onnx.TensorProto):
        chosen.dims.extend(rng.choice(NUMBERS) for _ in range(rng.choice((1, 2, 40))))
    else:
        for _ in range(rng.choice((1, 1, 3, 2000))):
            chosen.dim.add(dim_value=rng.choice(NUMBERS))


def other_operator(rng: random.Random, proto: onnx.ModelProto) -> None:
    """The same inputs go to another operator, perhaps of another domain."""
    node = _node(rng, proto)
    node.op_type, node.domain = rng.choice(OPERATORS), rng.choice(DOMAINS)
    if rng.random() < 0.3:
        node.input.extend(names(proto)[: rng.choice((1, 5, 200))])


def odd_attribute(rng: random.Random, proto: onnx.ModelProto) -> None:
    """An attribute whose type and content contradict each other, or with content of several types."""
    node = _node(rng, proto)
    attribute = rng.choice(list(node.attribute)) if node.attribute and rng.random() < 0.7 else node.attribute.add()
    attribute.name = attribute.name or rng.choice(("axis", "to", "value", "body", "chain", "dtype", "shape", "pads"))
    attribute.type = rng.choice(list(onnx.AttributeProto.AttributeType.values()))
    for _ in range(rng.randrange(3)):
        change_field(rng, proto, attribute)


def nested_bodies(rng: random.Random, proto: onnx.ModelProto) -> str:
    """Bodies in bodies, up to the depth that protobuf reads."""
    depth = rng.choice((3, 12, 24, 28, 30, 31))
    inner = onnx.GraphProto(name="b")
    inner.node.add(op_type="Relu", input=[rng.choice(names(proto))], output=["deep"])
    for level in range(depth):
        outer = onnx.GraphProto(name=f"b{level}")
        node = outer.node.add(op_type=rng.choice(("If", "Loop", "Relu")), input=["deep"], output=[f"deep{level}"])
        attribute = node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH)
        attribute.g.CopyFrom(inner)
        inner = outer
    proto.graph.node.extend(inner.node)
    return str(depth)


def function_calls(rng: random.Random, proto: onnx.ModelProto) -> None:
    """Functions that call themselves or each other, have two definitions or the names of operators."""
    first = proto.functions.add(name="f", domain=rng.choice(DOMAINS), input=["v"], output=["w"])
    first.node.add(op_type=rng.choice(("f", "h")), domain=first.domain, input=["v"], output=["w"])
    first.opset_import.add(domain=first.domain, version=rng.choice((1, 17)))
    second = proto.functions.add()
    second.CopyFrom(first)
    second.name = rng.choice(("f", "h", "Relu"))
    proto.graph.node.add(op_type="f", domain=first.domain, input=[rng.choice(names(proto))], output=["called"])
    proto.opset_import.add(domain=first.domain, version=1)


def other_opset(rng: random.Random, proto: onnx.ModelProto) -> None:
    """Opset and IR versions that are none, old, new, or given twice."""
    proto.ir_version = rng.choice((0, 1, 2, 3, 4, 8, 10, 13, 99, -1, 2**62))
    version = rng.choice((0, 1, 6, 7, 12, 17, 22, 28, 99, -1, 2**62))
    if proto.opset_import and rng.random() < 0.7:
        proto.opset_import[0].version = version
    else:
        proto.opset_import.add(domain=rng.choice(DOMAINS), version=version)


def external_data(rng: random.Random, proto: onnx.ModelProto) -> None:
    """Data that lies in another file, or is said to."""
    tensors = [m for m in messages(proto) if isinstance(m, onnx.TensorProto)]
    tensor = rng.choice(tensors) if tensors else proto.graph.initializer.add(name="ext", data_type=1, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    del tensor.external_data[:]
    for key in ("location", "offset", "length", "checksum"):
        if rng.random() < 0.8:
            tensor.external_data.add(key=key, value=rng.choice(EXTERNAL))


EXTERNAL = (
    "model.onnx",
    "",
    ".",
    "..",
    "/etc/passwd",
    "../x",
    "0",
    "8",
    "-8",
    "1e3",
    "many",
    str(2**70),
    "a\x00b",
    "٣",
)


def typeless(rng: random.Random, proto: onnx.ModelProto) -> None:
    """Inputs, outputs and value_info lose their types or get ones that contradict the operators."""
    for info in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        draw = rng.random()
        if draw < 0.3:
            info.ClearField("type")
        elif draw < 0.6:
            info.type.tensor_type.elem_type = rng.randrange(-1, 30)
        elif draw < 0.7:
            info.type.sequence_type.elem_type.sequence_type.elem_type.tensor_type.elem_type = 1


def many_nodes(rng: random.Random, proto: onnx.ModelProto) -> str:
    """A long chain, in order or backwards."""
    count = rng.choice((50, 1000))
    source = rng.choice(names(proto))
    chain = [onnx.NodeProto(op_type="Relu", input=[source], output=["m0"])]
    chain += [onnx.NodeProto(op_type="Relu", input=[f"m{i}"], output=[f"m{i + 1}"]) for i in range(count)]
    proto.graph.node.extend(reversed(chain) if rng.random() < 0.5 else chain)
    return str(count)


STRUCTURAL: tuple[Callable[[random.Random, onnx.ModelProto], str | None], ...] = (
    cycle, dangling_input, same_name_twice, odd_dims, other_operator, odd_attribute, nested_bodies, function_calls,
    other_opset, external_data, typeless, many_nodes,
)  # fmt: skip
