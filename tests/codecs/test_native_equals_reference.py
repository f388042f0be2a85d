"""Native output is the reference's, byte for byte: every chain, type, shape, block size and instruction set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from codec_cases import CHAINS, FILLS, SHAPES, filled, needs_library, same_bits, tensors, thorough, usable
from hypothesis import given
from hypothesis import strategies as st

from fmpass import codecs
from fmpass.codecs import abi, container, native
from fmpass.codecs.chain import Chain
from fmpass.dtypes import DTYPES, by_name, of_array
from fmpass.errors import EnvironmentFailure, PayloadError, UsageError

pytestmark = needs_library
LEVELS = native.simd_levels() if native.available() else ()


@pytest.fixture(autouse=True)
def level_as_before() -> Iterator[None]:
    before = native.simd_level()
    yield
    native.set_simd_level(before)


def check_equal(chain: Chain, array: np.ndarray, block_words: int, inside: bool = False) -> None:
    dtype = of_array(array)
    payload = container.encode(chain, array, block_words, inside)
    restored = container.decode(payload, chain)
    header = container.peek(payload)
    for level in LEVELS:
        native.set_simd_level(level)
        assert native.encode(chain, array, block_words, inside) == payload, level
        assert same_bits(native.decode(payload, None if inside else chain), restored, dtype), level
        assert native.peek(payload) == header


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_every_type_and_shape(chain):
    for number, dtype in enumerate(DTYPES):
        for place, shape in enumerate(SHAPES):
            if chain.rejects(dtype, len(shape)) is None:
                array = filled(FILLS[(number + place) % len(FILLS)], dtype, shape, place)
                check_equal(chain, array, 32768, inside=bool(place % 2))


@pytest.mark.parametrize("chain", CHAINS, ids=str)
@thorough
@given(st.data())
def test_any_tensor(chain, data):
    array = data.draw(tensors(usable(chain)))
    if chain.rejects(of_array(array), array.ndim) is None:
        least = array.size // 8 + 1
        check_equal(chain, array, max(least, data.draw(st.sampled_from([1, 3, 8, 17, 64, 32768]))))


@pytest.mark.parametrize("fill", FILLS)
def test_long_blocks(fill):
    # Past every unrolled loop and buffer refill of the kernels, ragged at the end.
    for chain in CHAINS:
        for name in ("int8", "bfloat16", "float32", "uint64"):
            if chain.rejects(by_name(name), 2) is None:
                check_equal(chain, filled(fill, by_name(name), (3, 1367), 5), 32768)


@pytest.mark.parametrize("count", [*range(70), 127, 128, 129, 255, 256, 257])
def test_every_short_count(count):
    for chain in CHAINS:
        if not chain.transforms:
            for name in ("uint8", "int16", "float32", "int64"):
                if chain.rejects(by_name(name), 1) is None:
                    check_equal(chain, filled("relu", by_name(name), (count,), count), 32768)


def test_expectations_and_chains_are_checked():
    zvc, raw = Chain.parse("zvc"), Chain.parse("raw")
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    payload = native.encode(zvc, array)
    for engine in (native, container):
        assert (engine.decode(payload, zvc, (by_name("int16"), (2, -1))) == array).all()
        assert (engine.decode(payload, zvc, (None, None)) == array).all()
        for expect in ((by_name("uint16"), None), (None, (3, 2)), (None, (6,)), (None, (2, 3, 1))):
            with pytest.raises(PayloadError, match="FM309"):
                engine.decode(payload, zvc, expect)
        for chain in (raw, None):
            with pytest.raises(PayloadError, match="FM306"):
                engine.decode(payload, chain)
        with pytest.raises(UsageError, match="FM006"):
            engine.encode(Chain.parse("quant|zvc"), np.zeros(3, np.int32))
        with pytest.raises(UsageError, match="FM007"):
            engine.encode(zvc, array, 0)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_read(kind):
    payload = codecs.encode("zvc", np.arange(50, dtype=np.float32))
    for engine in (native, container):
        assert (engine.decode(kind(payload), Chain.parse("zvc")) == np.arange(50)).all()


def test_levels():
    assert LEVELS[0] == "scalar"
    assert native.simd_level() in LEVELS
    with pytest.raises(EnvironmentFailure, match=r"FM523.*scalar"):
        native.set_simd_level("mmx")


def test_a_missing_library_names_file_and_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv(abi.VARIABLE, str(tmp_path / "none.so"))
    with pytest.raises(EnvironmentFailure, match=r"FM521.*none\.so.*FMPASS_LIBRARY"):
        abi.path()


def test_a_file_that_is_no_library_names_the_remedy(monkeypatch, tmp_path):
    (tmp_path / "text.so").write_text("not a library")
    monkeypatch.setenv(abi.VARIABLE, str(tmp_path / "text.so"))
    with pytest.raises(EnvironmentFailure, match=r"FM522.*rebuild"):
        abi.library.__wrapped__()
    assert native.available(), "the library that is loaded stays loaded"


def test_chains_with_foreign_stages_go_to_the_reference():
    class Foreign:
        name = "foreign"

    assert not native.available(Chain((), Foreign()))  # type: ignore[arg-type]
    assert native.available(Chain.parse("quant|zvc"))
