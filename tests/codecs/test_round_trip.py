"""Contract of every chain, on the reference: round trips, sizes, side data, blocks, memory layout."""

from __future__ import annotations

import numpy as np
import pytest
from codec_cases import CHAINS, FILLS, FLAT_CODERS, SHAPES, array_of, filled, same_bits, tensors, thorough, usable
from hypothesis import given
from hypothesis import strategies as st

from fmpass import codecs
from fmpass.codecs import container
from fmpass.codecs.chain import Chain
from fmpass.codecs.stage import Coder
from fmpass.dtypes import DTYPES, by_name
from fmpass.errors import UsageError

SMALL = [shape for shape in SHAPES if np.prod(shape) < 300]


def check_round_trip(chain: Chain, array: np.ndarray, block_words: int) -> None:
    dtype = next(d for d in DTYPES if d.numpy == array.dtype)
    payload = container.encode(chain, array, block_words)
    header = container.peek(payload)
    assert (header.dtype, header.shape, header.nbytes) == (dtype, array.shape, len(payload))
    words = chain.dtypes(dtype)[-1].nbytes(array.size)
    assert len(payload) <= header.header_nbytes + words, "a payload exceeds header, directory and words"
    restored = container.decode(payload, chain)
    if chain.lossless(dtype):
        assert same_bits(restored, array, dtype)
    else:
        assert (restored.shape, restored.dtype) == (array.shape, array.dtype)
        again = container.decode(container.encode(chain, array, block_words, True))
        assert same_bits(restored, again, dtype)


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_every_type_and_shape(chain):
    for number, dtype in enumerate(DTYPES):
        for place, shape in enumerate(SMALL):
            if chain.rejects(dtype, len(shape)) is None:
                check_round_trip(chain, filled(FILLS[(number + place) % len(FILLS)], dtype, shape, place), 64)


@pytest.mark.parametrize("chain", CHAINS, ids=str)
@thorough
@given(st.data())
def test_any_tensor(chain, data):
    array = data.draw(tensors(usable(chain)))
    if chain.rejects(next(d for d in DTYPES if d.numpy == array.dtype), array.ndim) is None:
        least = array.size // 8 + 1  # so that a large tensor is not hundreds of blocks
        check_round_trip(chain, array, max(least, data.draw(st.sampled_from([1, 3, 8, 100, 32768]))))


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("coder", FLAT_CODERS, ids=lambda c: str(Chain((), c)))
def test_sizes_stay_within_what_the_coder_declares(coder: Coder, fill):
    for dtype in usable(Chain((), coder)):
        for count in (0, 1, 2, 31, 257):
            words = dtype.to_words(filled(fill, dtype, (count * 8 // dtype.bits if dtype.bits < 8 else count,)))
            code = coder.encode(words)
            assert coder.least_nbytes(words.size, dtype.word_bits) <= len(code)
            assert len(code) <= coder.worst_case_nbytes(words.size, dtype.word_bits)
            assert (coder.decode(code, words.size, words.dtype) == words).all()
            assert code or not words.size, "an empty block is empty bytes, and no other is"


@pytest.mark.parametrize("coder", FLAT_CODERS, ids=lambda c: str(Chain((), c)))
def test_the_least_size_is_reached_by_zeros(coder: Coder):
    # Else the check that bounds memory would be weaker than it could be.
    if coder.name in ("bpc", "ebpc", "width", "zvc"):
        assert coder.least_nbytes(1000, 32) == len(coder.encode(np.zeros(1000, "<u4")))


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_special_bit_patterns_survive(dtype):
    array = filled("special", dtype, (5, 41), 3)
    for chain in CHAINS:
        if chain.rejects(dtype, 2) is None and chain.lossless(dtype):
            assert same_bits(container.decode(container.encode(chain, array), chain), array, dtype)


def test_strided_and_read_only_arrays_travel():
    chain, dtype = Chain.parse("zvc"), by_name("float32")
    array = filled("relu", dtype, (6, 8, 10)).transpose(2, 0, 1)[::-2]
    array.flags.writeable = False
    assert same_bits(container.decode(container.encode(chain, array), chain), array, dtype)


@pytest.mark.parametrize("block_words", [1, 2, 7, 8, 50, 51, 1000])
def test_blocks_cover_the_words(block_words):
    array = filled("relu", by_name("int8"), (50,))
    header = container.peek(container.encode(Chain.parse("zvc"), array, block_words))
    assert (header.blocks, header.block_words) == (-(-50 // block_words), block_words)


def test_narrow_types_travel_packed():
    array = array_of(bytes([0x21, 0x43, 0x05]), by_name("uint4"), (5,))
    payload = container.encode(Chain.parse("raw"), array)
    assert payload.endswith(bytes([0x21, 0x43, 0x05]))
    assert container.peek(payload).tensor_nbytes == 3


@pytest.mark.parametrize("block_words", [0, -1, (1 << 24) + 1])
def test_block_sizes_out_of_range_are_refused(block_words):
    with pytest.raises(UsageError, match="FM007"):
        container.encode(Chain.parse("raw"), np.zeros(3, np.int8), block_words)


def test_types_and_ranks_that_do_not_travel_are_refused():
    with pytest.raises(UsageError, match="FM010"):
        container.encode(Chain.parse("raw"), np.zeros(3, np.complex64))
    with pytest.raises(UsageError, match="FM006"):
        container.encode(Chain.parse("quant|raw"), np.zeros(3, np.int32))
    with pytest.raises(UsageError, match=r"FM006.*rank 1"):
        container.encode(Chain.parse("quant{axis=1}|raw"), np.zeros(3, np.float32))
    with pytest.raises(UsageError, match=r"FM006.*rank"):
        container.encode(Chain.parse("raw"), np.zeros((1,) * 33, np.int8))


def test_the_front_takes_texts_and_makes_one_block_for_files():
    array = filled("relu", by_name("float16"), (300, 300))
    assert codecs.peek(codecs.encode("zvc", array)).block_words == 32768
    file = codecs.encode("zvc", array, self_contained=True)
    header = codecs.peek(file)
    assert (header.blocks, header.block_words, header.chain_text) == (1, 90000, "zvc")
    assert same_bits(codecs.decode(file), array, by_name("float16"))
    assert codecs.peek(codecs.encode("zvc", array, 10, self_contained=True)).blocks == 9000
    assert codecs.peek(codecs.encode("raw", np.zeros((0, 3)), self_contained=True)).block_words == 1
