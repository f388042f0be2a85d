"""Chain texts: round trip, canonical form, digests, and errors that name the nearest."""

from __future__ import annotations

import math

import pytest
from codec_cases import CHAINS, needs_library, thorough
from hypothesis import given
from hypothesis import strategies as st

from fmpass.codecs import fields, native, registry
from fmpass.codecs.chain import Chain, preset, presets
from fmpass.codecs.coders.zvc import Zvc
from fmpass.codecs.transforms.quant import Quant
from fmpass.dtypes import DTYPES, by_name
from fmpass.errors import UsageError


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_text_round_trip(chain):
    assert Chain.parse(str(chain)) == chain
    assert str(Chain.parse(str(chain))) == str(chain)


@st.composite
def stages(draw: st.DrawFn, kind: str):
    stage = draw(st.sampled_from([s for s in registry.stages() if registry.kind(s) == kind]))
    return stage(**{p.name: draw(values(p)) for p in fields.parameters(stage) if draw(st.booleans())})


def values(p: fields.Parameter) -> st.SearchStrategy[fields.Value]:
    if p.choices:
        return st.sampled_from(p.choices)
    if p.type == "bool":
        return st.booleans()
    if p.type == "float":
        return st.floats(p.minimum, p.maximum, allow_nan=False, allow_infinity=False)
    numbers = st.integers(int(p.minimum or 0), int(p.maximum or 0))
    return st.none() | numbers if p.type == "int|none" else numbers


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    return Chain(tuple(draw(st.lists(stages("transform"), max_size=3))), draw(stages("coder")))


@thorough
@given(chains())
def test_any_chain_round_trips_and_has_one_digest(chain):
    again = Chain.parse(str(chain))
    assert again == chain
    assert again.digest() == chain.digest()


@thorough
@given(chains(), st.lists(st.sampled_from(["", " ", "\t", "\r\n"]), min_size=8, max_size=8))
def test_blanks_do_not_matter(chain, blanks):
    text = str(chain)
    for i, token in enumerate("|{},="):
        text = text.replace(token, blanks[i] + token + blanks[-1 - i])
    assert Chain.parse(text) == chain


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("quant{bits=8}|zvc", "quant|zvc"),
        ("quant{signed=true,bits=4}|zvc", "quant{bits=4}|zvc"),
        (" quant { axis = none , step = 1 } | zvc ", "quant{step=1.0}|zvc"),
        ("quant{step=-0.0}|zvc", "quant|zvc"),
        ("quant{step=0.00001}|zvc", "quant{step=1e-05}|zvc"),
        ("quant{step=100e-6}|zvc", "quant{step=0.0001}|zvc"),
        ("quant{step=12e20}|zvc", "quant{step=1.2e+21}|zvc"),
        ("quant{step=1e15}|zvc", "quant{step=1000000000000000.0}|zvc"),
        ("quant{step=1e16}|zvc", "quant{step=1e+16}|zvc"),
        ("ebpc{max_zero_run=16,block=4}", "ebpc{block=4}"),
    ],
)
def test_canonical_form(text, canonical):
    assert str(Chain.parse(text)) == canonical


def test_digests_are_pinned():
    # Written into every payload: a change would make all old payloads unreadable.
    assert {text: Chain.parse(text).digest() for text in PINNED} == PINNED
    assert len({chain.digest() for chain in CHAINS}) == len(set(CHAINS))


PINNED = {
    "raw": 0xC5253104,
    "zvc": 0x2F0BF177,
    "zrle": 0xAC3FA48C,
    "bpc": 0x1052A00E,
    "ebpc": 0xCF6A0884,
    "width": 0xB4FC0500,
    "width{group=32}": 0x3D8A692D,
    "seg": 0x8F7B473F,
    "seg{k=2}": 0x938322CA,
    "huffman": 0x58359DBF,
    "rice": 0x2D188806,
    "rice{axis=-1}": 0xBF607248,
    "quant|zvc": 0x1062C01D,
    "quant{step=0.1}|raw": 0x91C9D60D,
    "quant{bits=12,axis=-1}|bpc": 0x9BC608BE,
    "planeres|seg": 0xBB846702,
    "planeres{window=15,axis=-1}|huffman": 0xB439CF21,
}


@pytest.mark.parametrize(
    ("text", "code", "names"),
    [
        ("zvcc", "FM001", "'zvc'"),
        ("qant|zvc", "FM001", "'quant'"),
        ("quant{bit=8}|zvc", "FM002", "'bits'"),
        ("ebpc{blok=8}", "FM002", "'block'"),
        ("zvc{block=8}", "FM002", "no fields"),
        ("quant{bits=17}|zvc", "FM003", "16 is nearest"),
        ("quant{bits=8.0}|zvc", "FM003", "type int"),
        ("quant{bits=none}|zvc", "FM003", "type int"),
        ("quant{signed=1}|zvc", "FM003", "type bool"),
        ("quant{step=1e999}|zvc", "FM003", "finite"),
        ("quant{step=1e-999}|zvc", "FM003", "step"),
        ("quant{step=nan}|zvc", "FM003", "type float"),
        ("quant{step=-1}|zvc", "FM003", "below"),
        ("ebpc{block=9}", "FM003", "8 is nearest"),
        ("quant", "FM004", "last stage must be a coder"),
        ("zvc|raw", "FM004", "only the last"),
        ("", "FM004", ""),
        ("|zvc", "FM004", ""),
        ("zvc|", "FM004", ""),
        ("quant{}|zvc", "FM004", "field=value"),
        ("quant{bits=8|zvc", "FM004", "braces"),
        ("quant{bits}|zvc", "FM004", "field=value"),
        ("quant{bits=8,}|zvc", "FM004", "field=value"),
        ("quant{bits=8,bits=8}|zvc", "FM004", "twice"),
        ("quant{{bits=8}}|zvc", "FM004", "braces"),
        ("quant{bits=8}x|zvc", "FM004", "braces"),
        ("zv c", "FM004", ""),
        ("zvc\u00a0", "FM004", ""),
        ("|".join(["quant"] * 16 + ["zvc"]), "FM004", "16 stages"),
    ],
)
def test_mistakes_name_the_place_and_the_nearest(text, code, names):
    with pytest.raises(UsageError) as raised:
        Chain.parse(text)
    assert raised.value.code == code
    assert names in str(raised.value)


@needs_library
@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_the_library_agrees_on_digest_text_and_types(chain):
    assert native.digest(str(chain)) == chain.digest()
    assert native.canonical(str(chain)) == str(chain)
    for dtype in DTYPES:
        for rank in (-1, 0, 1, 4):
            refused = native.check(str(chain), dtype.onnx, rank)
            assert (refused is None) == (chain.rejects(dtype, None if rank < 0 else rank) is None), (
                dtype,
                rank,
                refused,
            )


@needs_library
@thorough
@given(chains())
def test_the_library_reads_any_chain(chain):
    assert native.digest(str(chain)) == chain.digest()
    assert native.canonical(str(chain)) == str(chain)
    for dtype in DTYPES:
        for rank in (-1, 0, 3):
            refused = native.check(str(chain), dtype.onnx, rank)
            assert (refused is None) == (chain.rejects(dtype, None if rank < 0 else rank) is None), (
                dtype,
                rank,
                refused,
            )


@needs_library
@thorough
@given(
    st.text("quantzvceb{}=,|.-+ \t0159", max_size=40) | st.sampled_from(["zvc\n", "zvc{}", "quant{step=1e-999}|zvc"])
)
def test_the_library_refuses_what_the_parser_refuses(text):
    try:
        expected = str(Chain.parse(text))
    except UsageError:
        expected = ""
    assert native.canonical(text) == expected


def test_every_preset_parses_and_is_canonical():
    assert {"raw", "zvc", "zrle", "bpc", "ebpc"} <= set(presets())
    for name, (text, doc) in presets().items():
        assert str(preset(name)) == text
        assert doc
    with pytest.raises(UsageError, match="did you mean 'ebpc'") as raised:
        preset("epbc")
    assert raised.value.code == "FM005"


def test_lossless_and_rejects():
    u8, f32, i4 = by_name("uint8"), by_name("float32"), by_name("int4")
    assert Chain.parse("zvc").lossless(f32)
    assert not Chain.parse("quant|zvc").lossless(f32)
    assert Chain.parse("quant{step=1,zero_point=128}|zvc").lossless(u8)
    assert not Chain.parse("quant{step=1,bits=7}|zvc").lossless(u8)
    assert "int4" in (Chain.parse("quant|zvc").rejects(i4) or "")
    assert "8 bits" in (Chain.parse("bpc{block=16}").rejects(u8) or "")
    assert Chain.parse("bpc{block=16}").rejects(f32) is None
    assert "rank 2" in (Chain.parse("quant{axis=2}|zvc").rejects(f32, 2) or "")
    assert Chain.parse("quant{axis=2}|zvc").rejects(f32) is None


def test_stages_are_values():
    assert Quant(step=1) == Quant(step=1.0)
    assert math.copysign(1, Quant(dead_zone=-0.0).dead_zone) == 1
    assert {Zvc(): 1}[Zvc()] == 1
    with pytest.raises(UsageError, match="FM003"):
        Quant(bits=True)  # a bool is no number of bits
    with pytest.raises(UsageError, match="FM003"):
        Quant(step=math.inf)
