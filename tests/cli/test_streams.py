"""`-`: models through pipes, bytes in and bytes out, everything else on stderr."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx_models import conv_relu, saved

from fmpass import api


def _pipe(*words: str, data: bytes = b"", folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "fmpass", *words]
    return subprocess.run(command, input=data, capture_output=True, check=False, cwd=folder)


@pytest.fixture
def given() -> bytes:
    return conv_relu().SerializeToString(deterministic=True)


@pytest.mark.runtime
def test_through_two_pipes(given: bytes, tmp_path: Path, library: str) -> None:
    there = _pipe("rewrite", "-", data=given, folder=tmp_path)
    assert there.returncode == 0
    assert there.stdout == api.rewrite(conv_relu()).SerializeToString(deterministic=True)
    assert b"1 pair" in there.stderr and b"stdout" in there.stderr
    back = _pipe("remove", "-", "-o", "-", data=there.stdout, folder=tmp_path)
    assert (back.returncode, back.stdout) == (0, given)
    assert b"1 pair removed" in back.stderr
    assert list(tmp_path.iterdir()) == []


def test_from_a_file_to_stdout_and_from_stdin_to_a_file(given: bytes, tmp_path: Path) -> None:
    path = saved(conv_relu(), tmp_path / "m.onnx")
    out = _pipe("rewrite", str(path), "-o", "-", "--no-verify", "-q")
    assert (out.returncode, out.stderr) == (0, b"")
    assert onnx.load_from_string(out.stdout) == api.rewrite(conv_relu())
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]
    into = _pipe("rewrite", "-", "-o", str(tmp_path / "o.onnx"), "--no-verify", "--json", data=given)
    assert into.returncode == 0 and json.loads(into.stdout)["pairs"] == 1
    assert (tmp_path / "o.onnx").read_bytes() == out.stdout


def test_inspect_reads_stdin(given: bytes) -> None:
    found = _pipe("inspect", "-", "--json", data=given)
    assert [e["name"] for e in json.loads(found.stdout)["edges"]] == ["c", "r"]


@pytest.mark.parametrize("command", ["rewrite", "remove"])
@pytest.mark.parametrize("output", [(), ("-o", "-")])
def test_a_document_and_a_model_do_not_share_stdout(command: str, output: tuple[str, ...], given: bytes) -> None:
    ended = _pipe(command, "-", *output, "--json", data=given)
    assert ended.returncode == 2
    assert json.loads(ended.stdout)["error"]["code"] == "FM097"


@pytest.mark.parametrize("data", [b"", b"no model"])
def test_what_is_no_model(data: bytes) -> None:
    ended = _pipe("rewrite", "-", data=data)
    assert (ended.returncode, ended.stdout) == (4, b"")
    assert b"FM101" in ended.stderr
