"""The native encoder and decoder with memory of the caller's."""

from __future__ import annotations

import numpy as np
import pytest

from fmpass.codecs import native
from fmpass.codecs.chain import Chain
from fmpass.codecs.encoder import Encoder
from fmpass.errors import UsageError

pytestmark = pytest.mark.skipif(not native.available(), reason="no native library")


def tensor(seed: int, shape: tuple[int, ...] = (3, 70, 90)) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.where(random.random(shape) < 0.6, 0, random.normal(size=shape)).astype(np.float32)


@pytest.mark.parametrize("text", ["zvc", "huffman", "quant|zvc", "ebpc"])
def test_one_encoder_gives_what_fresh_ones_give(text: str) -> None:
    chain, encoder, out = Chain.parse(text), Encoder(), np.full(1 << 20, 0xA5, np.uint8)
    for seed, shape in enumerate([(3, 70, 90), (5,), (0, 4), (3, 100, 90)]):
        x = tensor(seed, shape)
        payload = native.encode(chain, x)
        assert encoder.encode(chain, x) == payload
        nbytes = encoder.encode_into(out, chain, x, threads=2)
        assert out[:nbytes].tobytes() == payload
        assert (out[nbytes:] == 0xA5).all()
        out[:nbytes] = 0xA5


def test_an_encoder_survives_a_refusal() -> None:
    encoder, chain = Encoder(), Chain.parse("zvc")
    x = tensor(1)
    with pytest.raises(UsageError, match="cannot take"):
        encoder.encode_into(np.empty(10, np.uint8), chain, x)
    with pytest.raises(UsageError):
        encoder.encode(chain, x.astype(object))
    assert encoder.encode(chain, x) == native.encode(chain, x)


@pytest.mark.parametrize("text", ["zvc", "quant|zvc"])
def test_decoding_into_memory_that_is_there(text: str) -> None:
    chain, x = Chain.parse(text), tensor(2)
    payload = native.encode(chain, x)
    out = np.full_like(x, 7)
    assert native.decode(payload, chain, out=out) is out
    assert out.tobytes() == native.decode(payload, chain).tobytes()


@pytest.mark.parametrize(
    "out",
    [
        np.empty((3, 70, 91), np.float32),
        np.empty((3, 70, 90), np.int32),
        np.empty((70, 3, 90), np.float32).transpose(1, 0, 2),
        np.broadcast_to(np.float32(0), (3, 70, 90)),
    ],
    ids=["shape", "type", "order", "read-only"],
)
def test_memory_that_does_not_fit_is_refused(out: np.ndarray) -> None:
    payload = native.encode(Chain.parse("zvc"), tensor(2))
    with pytest.raises(UsageError, match="cannot take"):
        native.decode(payload, Chain.parse("zvc"), out=out)
