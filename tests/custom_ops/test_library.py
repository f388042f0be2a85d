"""The built library as a file: what it exports, what it needs, how it chooses a SIMD level."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fmpass.codecs import abi, registry

ROOT = Path(__file__).parents[2]
LEVELS = ("scalar", "avx2", "avx512", "neon")

pytestmark = pytest.mark.skipif(not abi.is_there(), reason="the native library is not built")


def ask(code: str, **environment: str) -> str:
    """What a fresh process prints; the level is chosen once in a process."""
    program = f"from fmpass.codecs import abi\nlib = abi.library()\n{code}"
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def levels_here() -> list[int]:
    lib = abi.library()
    before = lib.fm_simd_level()
    found = [level for level in range(len(LEVELS)) if lib.fm_set_simd_level(level) == 0]
    lib.fm_set_simd_level(before)
    return found


def test_the_best_level_is_chosen_and_the_environment_overrides_it():
    show = "print(lib.fm_simd_name(lib.fm_simd_level()).decode())"
    here = levels_here()
    assert 0 in here
    assert ask(show, FMPASS_SIMD="") == LEVELS[here[-1]]
    for level in here:
        assert ask(show, FMPASS_SIMD=LEVELS[level]) == LEVELS[level]
    assert ask(show, FMPASS_SIMD="sse9") == LEVELS[here[-1]]


def test_levels_that_are_not_here_are_refused():
    lib = abi.library()
    assert [lib.fm_simd_name(level).decode() for level in range(4)] == list(LEVELS)
    assert lib.fm_simd_name(4) is None
    assert lib.fm_set_simd_level(-1) != 0
    for level in set(range(5)) - set(levels_here()):
        assert lib.fm_set_simd_level(level) != 0


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64") or sys.platform != "linux", reason="x86-64 Linux")
def test_a_machine_with_the_instructions_has_the_level():
    flags = set(re.search(r"^flags\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M).group(1).split())
    assert (1 in levels_here()) == ({"avx2", "bmi2", "pclmulqdq"} <= flags)
    assert (2 in levels_here()) == ({"avx2", "avx512f", "avx512bw", "avx512vl", "avx512_vbmi2", "vpclmulqdq"} <= flags)


def test_every_stage_folder_with_a_kernel_is_in_the_table():
    table = json.loads(abi.text_of(abi.library().fm_stages_json))
    kernels = {path.parent.name for path in (ROOT / "fmpass" / "codecs").glob("*/*/kernel.hpp")}
    assert {row["name"] for row in table} == kernels
    for row in table:
        assert row["format_id"] == registry.get(row["name"]).format_id


@pytest.mark.skipif(not shutil.which("nm") or sys.platform != "linux", reason="needs nm")
def test_nothing_else_is_exported():
    listing = subprocess.run(["nm", "-D", "--defined-only", abi.path()], capture_output=True, text=True, check=True)
    names = {line.split()[-1] for line in listing.stdout.splitlines()}
    declared = set(re.findall(r"\b(fm_\w+)\(", (ROOT / "custom_ops" / "c_api.h").read_text()))
    assert names == declared | {"RegisterCustomOps"}


@pytest.mark.skipif(not shutil.which("ldd") or sys.platform != "linux", reason="needs ldd")
def test_nothing_but_the_system_is_needed():
    listing = subprocess.run(["ldd", abi.path()], capture_output=True, text=True, check=True).stdout
    needed = {line.split()[0].split("/")[-1].split(".")[0] for line in listing.splitlines()}
    assert needed <= {"linux-vdso", "libm", "libc", "ld-linux-x86-64", "ld-linux-aarch64", "libpthread", "libdl"}


def test_texts_are_cut_to_the_buffer_and_terminated():
    lib = abi.library()
    needed = lib.fm_stages_json(None, 0)
    small = ctypes.create_string_buffer(b"x" * 16, 16)
    assert lib.fm_stages_json(small, 16) == needed
    assert len(small.value) == 15
    why = ctypes.create_string_buffer(8)
    assert lib.fm_chain_check(b"nonsense", 1, 1, why, 8) != 0
    assert why.value == b"unknown"
