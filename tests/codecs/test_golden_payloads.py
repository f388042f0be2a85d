"""Payloads written once decode for ever, in both implementations; and the published vectors of ebpc."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from codec_cases import array_of, needs_library, same_bits

import fmpass.codecs
from fmpass.codecs import bits, container, native
from fmpass.codecs.chain import Chain
from fmpass.codecs.coders.bpc import planes
from fmpass.codecs.coders.ebpc import reference as ebpc
from fmpass.dtypes import by_name

TESTS = Path(__file__).parent.parent
FILES = [*sorted(Path(fmpass.codecs.__file__).parent.glob("*/*/golden/payloads.json")), TESTS / "golden/container.json"]
CASES = [pytest.param(case, id=case["name"]) for file in FILES for case in json.loads(file.read_text())]

SHARED = Path(os.environ.get("FMPASS_SHARED", TESTS.parent.parent / "shared")) / "oracle"
needs_maps = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared")
VECTORS = json.loads((TESTS / "golden/ebpc_vectors.json").read_text())
MAPS = [f"{name}_{kind}" for name in ("smooth", "mid", "late", "dense") for kind in ("s8", "ebpc")]


def restored(case: dict) -> np.ndarray:
    return array_of(bytes.fromhex(case["restored"]), by_name(case["dtype"]), tuple(case["shape"]))


@pytest.mark.parametrize("case", CASES)
def test_frozen_payloads_decode(case):
    payload, dtype = bytes.fromhex(case["payload"]), by_name(case["dtype"])
    chain = None if case["self_contained"] else Chain.parse(case["chain"])
    assert same_bits(container.decode(payload, chain), restored(case), dtype)


@needs_library
@pytest.mark.parametrize("case", CASES)
def test_frozen_payloads_decode_natively(case):
    payload, dtype = bytes.fromhex(case["payload"]), by_name(case["dtype"])
    chain = None if case["self_contained"] else Chain.parse(case["chain"])
    assert same_bits(native.decode(payload, chain), restored(case), dtype)


@pytest.mark.parametrize("case", CASES)
def test_the_encoder_still_writes_them(case):
    words = bytes.fromhex(case.get("tensor", case["restored"]))
    tensor = array_of(words, by_name(case["dtype"]), tuple(case["shape"]))
    chain = Chain.parse(case["chain"])
    assert container.encode(chain, tensor, case["block_words"], case["self_contained"]).hex() == case["payload"]


@pytest.mark.parametrize("name", VECTORS)
def test_ebpc_equals_the_published_hardware_model(name):
    vector = VECTORS[name]
    word, block, run = vector["word"], vector["block"], vector["max_zero_run"]
    words = np.array(vector["values"]).astype(f"<i{word // 8}")
    streams = vector["znz_bits_unpadded"], vector["bpc_bits_unpadded"]
    padded = "".join(stream + "0" * (-len(stream) % word) for stream in streams)
    code = ebpc.encode(words, block, run)
    assert "".join(f"{byte:08b}" for byte in code) == padded
    assert len(padded) == vector["total_bits_padded"]
    assert (ebpc.decode(code, words.size, words.dtype, block, run) == words).all()


@needs_maps
@pytest.mark.parametrize("name", MAPS)
def test_ebpc_needs_the_published_bits_on_the_maps(name):
    known = json.loads((SHARED / "ebpc_reference.json").read_text())[name]
    words = np.load(SHARED / f"{name}.npy").reshape(-1)
    code = ebpc.encode(words, 8, 16)
    assert 8 * len(code) == known["EBPC_hw_paper_block8"]["bits"]
    assert 8 * len(bits.pack(*planes.encode(words[words != 0], 8), word_bits=8)) == known["hw_bpc_bits"]
    assert 8 * len(code) - known["hw_bpc_bits"] == known["hw_znz_bits"]
    assert (ebpc.decode(code, words.size, words.dtype, 8, 16) == words).all()


@needs_library
@needs_maps
@pytest.mark.parametrize("name", MAPS)
def test_a_map_as_one_block_is_the_published_stream_and_its_header(name):
    known = json.loads((SHARED / "ebpc_reference.json").read_text())[name]
    array = np.load(SHARED / f"{name}.npy")
    payload = native.encode(Chain.parse("ebpc"), array, array.size)
    header = native.peek(payload)
    assert header.blocks == 1
    assert 8 * (header.nbytes - header.header_nbytes) == known["EBPC_hw_paper_block8"]["bits"]
    assert payload == container.encode(Chain.parse("ebpc"), array, array.size)
