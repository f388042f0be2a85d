"""What must fail: with a code, the edge and the cause in onnxruntime's status, and nothing lost for the next run."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from pair_models import Pair, model, payload_info, run, same_bits, sample, session, value

from fmpass.codecs import container, native
from fmpass.codecs.chain import Chain
from fmpass.codecs.crc32c import crc32c
from fmpass.dtypes import by_name

pytestmark = pytest.mark.runtime

FLOAT = TensorProto.FLOAT
X = sample(by_name("float32"), (8, 50))
GOOD = container.encode(Chain.parse("zvc"), X, 100)
HEADER_NBYTES = container.peek(GOOD).header_nbytes


def restoring(dtype: int = FLOAT, shape=(8, 50), chain: str = "zvc", declared: int | None = None, **attributes):
    """payload (graph input) → FmDecompress at edge 'here' → Y."""
    node = Pair("here", chain).decompress("payload", "Y", dtype, shape, **attributes)
    return model([node], [payload_info("payload")], [value("Y", declared or dtype, None)])


def feed(data: bytes) -> dict[str, np.ndarray]:
    return {"payload": np.frombuffer(data, np.uint8)}


def resealed(data: bytearray) -> bytes:
    """The header checksum made right again, so that only a lie is left."""
    end = HEADER_NBYTES - 4
    data[end:HEADER_NBYTES] = crc32c(bytes(data[:end])).to_bytes(4, "little")
    return bytes(data)


def changed(offset: int, value: int) -> bytearray:
    data = bytearray(GOOD)
    data[offset] = value
    return data


BROKEN = {
    "empty": (b"", "FM30[13]"),
    "one byte": (GOOD[:1], "FM30[13]"),
    "magic": (bytes(changed(0, 0)), "FM301"),
    "version": (resealed(changed(4, 9)), "FM302"),
    "reserved flags": (resealed(changed(5, 0x80)), "FM304"),
    "dtype lie": (resealed(changed(6, 10)), "FM30[49]"),
    "unknown dtype": (resealed(changed(6, 8)), "FM307"),
    "rank lie": (resealed(changed(7, 3)), "FM30[345]"),
    "another chain": (resealed(changed(8, GOOD[8] ^ 1)), "FM306"),
    "shape lie": (resealed(changed(24, 9)), "FM30[49]"),
    "huge shape lie": (resealed(changed(31, 0x7F)), "FM30[49]"),
    "header bit": (bytes(changed(24, 9)), "FM305"),
    "cut off": (GOOD[:-1], "FM303"),
    "too long": (GOOD + b"\0", "FM303"),
    "block bit": (GOOD[:-1] + bytes([GOOD[-1] ^ 1]), "FM305"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_damaged_payload_is_a_status_that_names_the_edge(case):
    data, code = BROKEN[case]
    opened = session(restoring())
    for _ in range(2):
        with pytest.raises(Exception, match=rf"error\[{code}\] at edge 'here': "):
            opened.run(None, feed(data))
    (y,) = opened.run(None, feed(GOOD))
    assert same_bits(y, X)


def test_a_damaged_block_is_named():
    damaged = bytearray(GOOD)
    damaged[-1] ^= 0xFF
    with pytest.raises(Exception, match=r"error\[FM305\] at edge 'here': block 3\b.*checksum"):
        run(restoring(), feed(bytes(damaged)))


def test_mutations_never_crash_and_never_pass_as_another_tensor():
    rng = np.random.default_rng(7)
    opened = session(restoring(shape=None))
    for _ in range(400):
        data = bytearray(GOOD)
        for _ in range(int(rng.integers(1, 4))):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
        data = bytes(data[: int(rng.integers(len(data) + 1))] if rng.random() < 0.2 else data)
        try:
            (y,) = opened.run(None, feed(data))
        except Exception as error:  # noqa: BLE001  onnxruntime's classes have no base of their own
            assert "error[FM3" in str(error) and "at edge 'here'" in str(error)
        else:
            assert data == GOOD and same_bits(y, X)
    assert same_bits(opened.run(None, feed(GOOD))[0], X)


def test_a_tensor_that_the_payload_cannot_hold_is_not_allocated():
    """A well-sealed header that claims the most words in each of 65,536 blocks: 4 TiB, which no allocator gives."""
    blocks, words = 2**16, 2**24
    data = bytearray(native.encode(Chain.parse("zvc"), np.zeros(blocks, np.float32), 1))
    data[24:32] = (blocks * words).to_bytes(8, "little")
    data[32:36] = words.to_bytes(4, "little")
    end = len(data) - blocks - 4  # each block is one byte, the checksum stands before them
    data[end : end + 4] = crc32c(bytes(data[:end])).to_bytes(4, "little")
    with pytest.raises(Exception, match=r"error\[FM308\] at edge 'here': block 0: .*need at least"):
        run(restoring(shape=(-1,)), feed(bytes(data)))


def test_the_dtype_attribute_must_be_that_of_the_payload():
    with pytest.raises(Exception, match=r"error\[FM309\] at edge 'here': .*float32.*float16"):
        run(restoring(TensorProto.FLOAT16), feed(GOOD))


def test_the_declared_type_must_be_that_of_the_attribute():
    """Newer runtimes refuse the graph themselves; older ones leave it to the operator."""
    with pytest.raises(Exception, match=r"Type Error|error\[FM309\] at edge 'here': the graph declares float16"):
        run(restoring(FLOAT, declared=TensorProto.FLOAT16), feed(GOOD))


@pytest.mark.parametrize("shape", [(8, 51), (400,), (8, 50, 1), ()], ids=str)
def test_the_shape_attribute_must_be_that_of_the_payload(shape):
    with pytest.raises(Exception, match=r"error\[FM309\] at edge 'here': .*\[8, 50\]"):
        run(restoring(shape=shape), feed(GOOD))


@pytest.mark.parametrize("shape", [(8, 50), (-1, 50), (-1, -1), None], ids=str)
def test_unknown_dims_of_the_shape_attribute_take_anything(shape):
    assert same_bits(run(restoring(shape=shape), feed(GOOD))["Y"], X)


@pytest.mark.parametrize(
    "chain", ["no_such_stage", "zvc{depth=3}", "zrle{max_run=0}", "zvc|raw", "quant", "", "quant{bits=99}|zvc"]
)
def test_a_bad_chain_fails_when_the_session_is_made(chain):
    with pytest.raises(Exception, match=r"error\[FM147\] at edge 'here': chain"):
        session(restoring(chain=chain))


def test_a_chain_that_does_not_take_the_type_fails_when_the_session_is_made():
    node = Pair("here", "quant|zvc").compress("X", "payload")
    proto = model([node], [value("X", TensorProto.INT64, [2])], [payload_info("payload")])
    with pytest.raises(Exception, match=r"error\[FM147\] at edge 'here': chain 'quant\|zvc': .*int64"):
        session(proto)


@pytest.mark.parametrize(
    "attributes, text",
    [
        ({"chain": None}, "'chain' is missing"),
        ({"chain": 3}, "'chain' has the wrong type"),
        ({"dtype": None}, "'dtype' is missing"),
        ({"dtype": 8}, "'dtype' is 8"),
        ({"dtype": 1.0}, "'dtype' has the wrong type"),
    ],
    ids=str,
)
def test_bad_attributes_fail_when_the_session_is_made(attributes, text):
    with pytest.raises(Exception, match=rf"error\[FM146\] at edge 'here': attribute {text}"):
        session(restoring(shape=None, declared=FLOAT, **attributes))


@pytest.mark.parametrize("block", [-1, 2**40, 1.5])
def test_a_bad_block_size_fails_when_the_session_is_made(block):
    node = Pair("here").compress("X", "payload", block=block)
    with pytest.raises(Exception, match=r"error\[FM146\] at edge 'here': attribute 'block'"):
        session(model([node], [value("X", FLOAT, [2])], [payload_info("payload")]))


def test_resident_data_is_refused_until_a_stage_takes_it():
    compress, restore = Pair("here").compress("X", "p"), Pair("here").decompress("p", "Y", FLOAT, [2], gate="p")
    proto = model([compress, restore], [value("X", FLOAT, [2]), value("R", FLOAT, [3])], [value("Y", FLOAT, [2])])
    for node in (0, 1):
        copy = type(proto)()
        copy.CopyFrom(proto)
        copy.graph.node[node].input.append("R")
        with pytest.raises(Exception, match=rf"error\[FM146\] at edge 'here': input {node + 1} carries resident data"):
            session(copy)


def test_a_node_without_edge_is_known_by_its_own_name():
    node = helper.make_node("FmCompress", ["X"], ["payload"], name="the_node", domain="ai.fmpass", chain="nonsense")
    with pytest.raises(Exception, match="at edge 'the_node'"):
        session(model([node], [value("X", FLOAT, [2])], [payload_info("payload")]))
