"""custom_ops/ort_abi.hpp against onnxruntime's official header, wherever one is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ABI = ROOT / "custom_ops" / "ort_abi.hpp"
VARIABLE = "ORT_HEADER"
PLACES = [
    *(Path(p) / sub for p in ("/usr/include", "/usr/local/include", "/opt/onnxruntime/include", "/opt/homebrew/include")
      for sub in ("", "onnxruntime", "onnxruntime/core/session")),
]  # fmt: skip


def header() -> Path:
    given = os.environ.get(VARIABLE)
    for path in [Path(given)] if given else [place / "onnxruntime_c_api.h" for place in PLACES]:
        if path.is_file():
            return path
    return pytest.skip(f"no onnxruntime_c_api.h is installed; name one in {VARIABLE}")


def offsets(path: Path, struct: str, fields: list[str], folder: Path) -> dict[str, int]:
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        return pytest.skip("no C++ compiler")
    lines = "".join(f'std::printf("{f} %zu\\n", offsetof({struct}, {f}));' for f in fields)
    source = folder / "offsets.cc"
    source.write_text(f'#include <cstddef>\n#include <cstdio>\n#include "{path}"\nint main() {{ {lines} }}\n')
    program = folder / "offsets"
    subprocess.run([*compiler.split(), "-w", str(source), "-o", str(program)], check=True)
    output = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    return {name: int(offset) for name, offset in (line.split() for line in output.splitlines())}


def slots() -> dict[str, int]:
    found = re.findall(r"using (\w+)\s*=\s*Slot<\s*(\d+),", ABI.read_text("utf-8"))
    return {name: int(index) for name, index in found}


def operator_fields() -> list[str]:
    body = ABI.read_text("utf-8").split("struct CustomOp {")[1].split("\n};")[0]
    return ["version", *re.findall(r"\(\*(\w+)\)\(", body)]


def test_every_slot_is_that_of_the_official_header(tmp_path):
    official = offsets(header(), "OrtApi", list(slots()), tmp_path)
    assert {name: offset // 8 for name, offset in official.items()} == slots()


def test_the_fields_of_an_operator_are_those_of_the_official_header(tmp_path):
    fields = operator_fields()
    official = offsets(header(), "OrtCustomOp", fields, tmp_path)
    ours = offsets(ABI, "fm::ort::CustomOp", fields, tmp_path)
    assert official == ours


def test_no_slot_is_declared_twice_and_all_are_older_than_the_version_asked_for():
    """Version 18 ends with slot 278 (KernelInfoGetAllocator)."""
    assert len(set(slots().values())) == len(slots()) > 40
    assert max(slots().values()) <= 278
    assert len(operator_fields()) == 26
