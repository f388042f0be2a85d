"""Every element type, shape and chain through onnxruntime, payload and tensor compared with the numpy reference."""

from __future__ import annotations

import numpy as np
import pytest
from pair_models import Pair, heard, lacking, native_in_python, round_trip, run, same_bits, sample, session

from fmpass.codecs import container, registry
from fmpass.codecs.chain import Chain
from fmpass.codecs.stage import Coder, Transform
from fmpass.dtypes import DTYPES, DType, by_name

pytestmark = pytest.mark.runtime

SHAPES = [(), (1,), (0,), (3, 0, 4), (7, 5, 3), (1, 2, 1, 3, 1, 2, 1, 2), (70001,)]
CODERS = [stage for stage in registry.stages() if issubclass(stage, Coder)]
TRANSFORMS = [stage for stage in registry.stages() if issubclass(stage, Transform)]
CHAINS = [c.name for c in CODERS] + [f"{t.name}|{c.name}" for t in TRANSFORMS for c in CODERS]


def travels(dtype: DType) -> None:
    reason = lacking(dtype)
    if reason:
        pytest.skip(reason)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_every_type_and_shape_is_restored_bit_for_bit(dtype, shape):
    travels(dtype)
    x = sample(dtype, shape)
    outputs = run(round_trip(dtype, shape, Pair(block=1000), constant=x))
    assert outputs["payload"].tobytes() == container.encode(Chain.parse("zvc"), x, 1000)
    assert same_bits(heard(outputs["Y"]), x)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if native_in_python(d)], ids=lambda d: d.name)
def test_types_that_python_can_feed_are_restored_too(dtype):
    x = sample(dtype, (4, 33))
    outputs = run(round_trip(dtype, x.shape), {"X": x})
    assert same_bits(heard(outputs["Y"]), x)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "int8", "uint8", "int64", "uint4"])
def test_every_chain_gives_the_bytes_of_the_reference(chain, name):
    dtype, parsed = by_name(name), Chain.parse(chain)
    travels(dtype)
    x = sample(dtype, (2, 3, 40), seed=1)
    if parsed.rejects(dtype, x.ndim):
        with pytest.raises(Exception, match=r"error\[FM147\] at edge 'E'"):
            session(round_trip(dtype, x.shape, Pair(chain=chain), constant=x))
        return
    payload = container.encode(parsed, x, 100)
    outputs = run(round_trip(dtype, x.shape, Pair(chain=chain, block=100), constant=x))
    assert outputs["payload"].tobytes() == payload
    assert same_bits(heard(outputs["Y"]), container.decode(payload, parsed))


@pytest.mark.parametrize("declared", [True, False], ids=["value_info", "attributes only"])
def test_one_session_takes_every_batch(declared):
    if not declared and not infers():
        pytest.skip("onnxruntime below 1.19 takes no element type from an operator's own inference")
    opened = session(round_trip(by_name("float32"), ["batch", 3, "width"], declared=declared))
    for batch, width in [(1, 5), (3, 7), (0, 5), (9, 0), (2, 5)]:
        x = sample(by_name("float32"), (batch, 3, width), seed=batch)
        outputs = dict(zip([o.name for o in opened.get_outputs()], opened.run(None, {"X": x}), strict=True))
        assert same_bits(heard(outputs["Y"]), x)


@pytest.mark.parametrize("name", ["float32", "float16", "int64", "bool", "bfloat16"])
@pytest.mark.parametrize("shape", [(), (2, 3)], ids=str)
def test_type_and_shape_come_from_the_attributes_where_value_info_is_missing(name, shape):
    x = sample(by_name(name), shape)
    proto = round_trip(by_name(name), shape, constant=x, declared=False, near=True, gate=True)
    feeds = {"G": np.zeros(1, np.float32)}
    if not infers():
        with pytest.raises(Exception, match="type inference failed"):
            run(proto, feeds)
        return
    outputs = run(proto, feeds)
    assert same_bits(heard(outputs["Y"]), x) and same_bits(heard(outputs["near"]), x)


def infers() -> bool:
    from pair_models import RUNTIME

    return RUNTIME >= (1, 19)
