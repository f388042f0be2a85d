"""encode, decode, codecs and doctor."""

from __future__ import annotations

import struct

import ml_dtypes
import numpy as np
import pytest

from fmpass.codecs.crc32c import crc32c
from fmpass.codecs.registry import names


@pytest.fixture
def array(tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 17, 9)).astype(np.float32)
    path = tmp_path / "x ü.npy"
    np.save(path, np.maximum(values, 0))
    return path


@pytest.mark.parametrize("chain", ["raw", "zvc", "zrle", "bpc", "ebpc{block=16}"])
def test_lossless_round_trip(fmpass, array, chain):
    ended = fmpass("encode", array, "--chain", chain, "--json")
    assert (ended.code, ended.err) == (0, "")
    payload = array.with_suffix(".fmc")
    document = ended.json
    assert document["output"] == str(payload)
    assert document["elements"] == 3 * 17 * 9
    assert document["payload_bits"] == 8 * payload.stat().st_size
    assert document["bpv"] == document["payload_bits"] / document["elements"]
    back = array.with_name("back.npy")
    ended = fmpass("decode", payload, "-o", back, "--json")
    assert ended.json["elements"] == document["elements"]
    assert ended.json["bpv"] == document["bpv"]
    assert back.read_bytes() == array.read_bytes()


def test_presets_and_default_names(fmpass, array):
    assert fmpass("encode", array, "--preset", "ebpc").code == 0
    original = array.read_bytes()
    array.unlink()
    assert fmpass("decode", array.with_suffix(".fmc")).code == 0
    assert array.read_bytes() == original


@pytest.mark.parametrize("shape", [(), (0, 3), (1,)])
def test_small_tensors(fmpass, tmp_path, shape):
    np.save(tmp_path / "x.npy", np.zeros(shape, np.int8))
    ended = fmpass("encode", tmp_path / "x.npy", "--chain", "zvc", "--json")
    assert ended.code == 0
    assert (ended.json["bpv"] is None) == (0 in shape)
    assert fmpass("encode", tmp_path / "x.npy", "--chain", "zvc").code == 0
    assert fmpass("decode", tmp_path / "x.fmc", "-o", tmp_path / "y.npy").code == 0
    assert np.load(tmp_path / "y.npy").shape == shape


def test_types_that_numpy_stores_as_raw_items(fmpass, tmp_path):
    values = np.arange(-8, 8).astype(ml_dtypes.bfloat16)
    np.save(tmp_path / "x.npy", values)
    assert fmpass("encode", tmp_path / "x.npy", "--chain", "zvc", "--json").error["code"] == "FM010"
    assert fmpass("encode", tmp_path / "x.npy", "--chain", "zvc", "--dtype", "bfloat16").code == 0
    assert fmpass("decode", tmp_path / "x.fmc", "-o", tmp_path / "y.npy").code == 0
    assert np.load(tmp_path / "y.npy").view(ml_dtypes.bfloat16).tobytes() == values.tobytes()
    assert (
        fmpass("encode", tmp_path / "x.npy", "--chain", "zvc", "--dtype", "float32", "--json").error["code"] == "FM093"
    )


@pytest.mark.parametrize(
    ("flags", "code", "near"),
    [
        (["--chain", "zvcc"], "FM001", "zvc"),
        (["--chain", "ebpc{blok=8}"], "FM002", "block"),
        (["--chain", "ebpc{block=9}"], "FM003", "8"),
        (["--chain", "zvc|"], "FM004", ""),
        (["--chain", "quant"], "FM004", "zvc"),
        (["--preset", "ebcp"], "FM005", "ebpc"),
        (["--chain", "zvc", "--preset", "zvc"], "FM097", ""),
        ([], "FM092", "--chain"),
    ],
)
def test_wrong_chains_name_the_nearest(fmpass, array, flags, code, near):
    ended = fmpass("encode", array, *flags, "--json")
    assert ended.code == 2
    assert ended.error["code"] == code
    assert near in ended.error["hint"]
    assert not array.with_suffix(".fmc").exists()


def reseal(payload: bytearray, side_nbytes: int = 0) -> bytes:
    """The payload with a header checksum that holds again."""
    rank, text, blocks = payload[7], *struct.unpack_from("<H6xI", payload, 12)
    end = 24 + 8 * rank + 4 + text + struct.unpack_from("<I", payload, 16)[0] + 8 * blocks
    payload[end : end + 4] = struct.pack("<I", crc32c(bytes(payload[:end])))
    return bytes(payload)


def lie(payload: bytes, offset: int, form: str, value: int) -> bytes:
    changed = bytearray(payload)
    struct.pack_into(form, changed, offset, value)
    return reseal(changed)


DAMAGES = {
    "empty": lambda p: b"",
    "no payload": lambda p: b"PK\x03\x04" + p[4:],
    "cut in the header": lambda p: p[:20],
    "cut in a block": lambda p: p[:-1],
    "longer": lambda p: p + b"\0",
    "newer version": lambda p: lie(p, 4, "<B", 2),
    "flipped bit in the header": lambda p: p[:25] + bytes([p[25] ^ 1]) + p[26:],
    "flipped bit in a block": lambda p: p[:-9] + bytes([p[-9] ^ 1]) + p[-8:],
    "larger shape": lambda p: lie(p, 24, "<Q", 4),
    "huge shape": lambda p: lie(p, 24, "<Q", 1 << 50),
    "overflowing shape": lambda p: lie(p, 24, "<Q", (1 << 64) - 1),
    "smaller shape": lambda p: lie(p, 24, "<Q", 2),
    "other type": lambda p: lie(p, 6, "<B", 11),
    "unknown type": lambda p: lie(p, 6, "<B", 99),
    "other chain": lambda p: lie(p, 8, "<I", 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_payloads_are_told_and_nothing_is_written(fmpass, array, damage):
    fmpass("encode", array, "--chain", "zvc", "-q")
    payload = array.with_suffix(".fmc")
    payload.write_bytes(DAMAGES[damage](payload.read_bytes()))
    before = sorted(p.name for p in array.parent.iterdir())
    ended = fmpass("decode", payload, "-o", array.with_name("y.npy"), "--json")
    assert ended.code == 5
    assert ended.error["code"].startswith("FM30")
    assert str(payload) in ended.error["where"]
    assert ended.error["hint"]
    assert sorted(p.name for p in array.parent.iterdir()) == before


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'", None])
def test_files_that_are_no_arrays(fmpass, tmp_path, content):
    path = tmp_path / "x.npy"
    if content is None:
        np.save(path, np.zeros(100, np.float32))
        content = path.read_bytes()[:-7]
    path.write_bytes(content)
    ended = fmpass("encode", path, "--chain", "zvc", "--json")
    assert (ended.code, ended.error["code"]) == (2, "FM098")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.npy"]


def test_object_arrays_are_not_unpickled(fmpass, tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], object), allow_pickle=True)
    assert fmpass("encode", tmp_path / "x.npy", "--chain", "zvc", "--json").error["code"] == "FM098"


def test_codecs_lists_stages_and_presets(fmpass):
    document = fmpass("codecs", "--json").json
    assert {stage["name"] for stage in document["stages"]} == set(names())
    assert {"zvc", "ebpc"} <= {preset["name"] for preset in document["presets"]}
    quant = next(stage for stage in document["stages"] if stage["name"] == "quant")
    assert [p["name"] for p in quant["parameters"]] == ["bits", "step", "zero_point", "signed", "dead_zone", "axis"]
    assert "int64" not in quant["dtypes"]
    assert all(stage["dtypes"] and stage["doc"] for stage in document["stages"])


@pytest.mark.parametrize("name", names())
def test_codecs_shows_the_format_of_one(fmpass, name):
    document = fmpass("codecs", name, "--json").json
    assert [stage["name"] for stage in document["stages"]] == [name]
    assert document["stages"][0]["format"].startswith("#")
    assert fmpass("codecs", name).code == 0


def test_codecs_names_the_nearest(fmpass):
    error = fmpass("codecs", "quantt", "--json").error
    assert "quant" in error["hint"]


def test_doctor_is_content_here(fmpass):
    ended = fmpass("doctor", "--json")
    failed = [check for check in ended.json["checks"] if not check["ok"]]
    assert failed == []
    assert (ended.code, ended.json["ok"]) == (0, True)
    assert {"python", "onnxruntime", "library", "simd", "round trip", "session"} <= {
        c["name"] for c in ended.json["checks"]
    }


def test_doctor_says_what_to_do_without_a_library(process, tmp_path):
    import os

    env = os.environ | {"FMPASS_LIBRARY": str(tmp_path / "nowhere.so")}
    ended = process("doctor", "--json", env=env)
    assert (ended.code, ended.json["ok"]) == (6, False)
    library = next(check for check in ended.json["checks"] if check["name"] == "library")
    assert not library["ok"]
    assert library["hint"]
    ended = process("doctor", env=env)
    assert ended.code == 6
    assert "FAILED" in ended.out


def test_doctor_refuses_a_library_that_is_none(process, tmp_path):
    import os

    (tmp_path / "broken.so").write_bytes(b"\x7fELF nonsense")
    ended = process("doctor", "--json", env=os.environ | {"FMPASS_LIBRARY": str(tmp_path / "broken.so")})
    assert (ended.code, ended.json["ok"]) == (6, False)
