"""Stages of other packages: found by entry point, used through the reference, and named when they do not load."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import fmpass

STAGE = """
    from dataclasses import dataclass
    from typing import ClassVar
    import numpy as np
    from fmpass.codecs.corrupt import corrupt
    from fmpass.codecs.fields import check, parameter
    from fmpass.codecs.stage import Coder

    @dataclass(frozen=True, slots=True)
    class Flip(Coder):
        name: ClassVar[str] = "flip"
        format_id: ClassVar[int] = {format_id}
        mask: int = parameter(255, "bits to turn over", minimum=0, maximum=255)

        def __post_init__(self):
            check(self)

        def least_nbytes(self, count, word_bits):
            return 0

        def worst_case_nbytes(self, count, word_bits):
            return 1

        def encode(self, words):
            same = words.size > 0 and (words == words[0]).all() and words.itemsize > 1
            return bytes([int(words[0]) & 255 ^ self.mask]) if same else words.tobytes()

        def decode(self, data, count, dtype):
            if len(data) != 1:
                raise corrupt("not one byte")
            return np.full(count, data[0] ^ self.mask, dtype)
"""


def run(folder: Path, entry: str, code: str, format_id: int = 40000) -> subprocess.CompletedProcess[str]:
    """Run `code` in an interpreter that sees a package `flipper` with this entry point."""
    (folder / "flipper.py").write_text(textwrap.dedent(STAGE.replace("{format_id}", str(format_id))))
    info = folder / "flipper-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flipper\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[fmpass.stages]\n{entry}\n")
    paths = [str(folder), str(Path(fmpass.__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, env=environment, check=False
    )


def test_a_stage_of_another_package_codes_and_decodes(tmp_path):
    code = """
        import numpy as np
        from fmpass import codecs
        from fmpass.codecs import registry
        array = np.full((3, 4), 7, np.int16)
        payload = codecs.encode("flip{mask=15}", array, self_contained=True)
        assert codecs.peek(payload).chain_text == "flip{mask=15}"
        assert payload.endswith(bytes([7 ^ 15])), payload
        assert (codecs.decode(payload) == array).all()
        assert "flip" in registry.names() and registry.stages()[-1].name == "flip"
    """
    done = run(tmp_path, "flip = flipper:Flip", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("entry", "format_id", "names"),
    [
        ("flip = flipper:Flap", 40000, "Flap"),
        ("flip = flapper:Flip", 40000, "flapper"),
        ("flop = flipper:Flip", 40000, "flop"),
        ("flip = flipper:Flip", 2, "format id 2"),
    ],
)
def test_a_stage_that_does_not_load_is_named(tmp_path, entry, format_id, names):
    done = run(tmp_path, entry, "from fmpass.codecs import registry; registry.stages()", format_id)
    assert "EnvironmentFailure" in done.stderr
    assert "FM520" in done.stderr
    assert names in done.stderr
