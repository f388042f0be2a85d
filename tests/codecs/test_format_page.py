"""docs/format.md says what the code does: the worked example, the table of stages, and the examples of FORMAT.md."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from fmpass.codecs import container, registry
from fmpass.codecs.chain import Chain
from fmpass.codecs.crc32c import crc32c

PAGE = (Path(__file__).parents[2] / "docs/format.md").read_text("utf-8")
TENSOR = np.array([[0, 7, 0, 0], [0, 0, 255, 0], [1, 2, 3, 4]], np.uint8)


def example() -> bytes:
    block = PAGE.partition("## A worked example")[2].partition("```\n")[2].partition("```")[0]
    return bytes.fromhex("".join(line.partition("    ")[0] if "    " in line else line for line in block.splitlines()))


def test_the_worked_example_is_what_the_encoder_writes():
    assert container.encode(Chain.parse("zvc"), TENSOR, 8, True) == example()
    assert (container.decode(example()) == TENSOR).all()
    assert f"{len(example())} bytes" in PAGE


def test_the_worked_example_follows_the_layout_table():
    # Read by the table alone, not by the code under test.
    data = example()
    assert data[:8] == b"FMPK" + bytes([1, 1, 2, 2])
    digest, text, grid, reserved, side, blocks = struct.unpack_from("<IHBBII", data, 8)
    assert digest == crc32c(struct.pack("<HB", 2, 0))
    assert (text, grid, reserved, side, blocks) == (3, 1, 0, 0, 2)
    assert struct.unpack_from("<QQI", data, 24) == (3, 4, 8)
    assert data[44:47] == b"zvc"
    assert struct.unpack_from("<IIII", data, 47) == (3, crc32c(data[67:70]), 4 | 1 << 31, crc32c(data[70:74]))
    assert struct.unpack_from("<I", data, 63) == (crc32c(data[:63]),)


def test_every_stage_is_in_the_table():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (\w+) \|$", PAGE, re.MULTILINE)
    assert [(int(i), name, kind) for i, name, kind in rows] == [
        (stage.format_id, stage.name, registry.kind(stage)) for stage in registry.stages()
    ]


@pytest.mark.parametrize(
    ("chain", "words", "code"),
    [
        ("zvc", [0, 7, 0, 255, 0], "0a 07 ff"),
        ("zrle", [0, 0, 0, 5, 0, 9], "00 02 05 00 00 09"),
        ("bpc", [1, 2, 3, 4, 5, 6, 7, 8], "01 00 0d"),
        ("ebpc", [0, 0, 7, 7, 7, 7, 7, 7, 7, 7], "0f f8 07 3c"),
        ("seg", [0, 3, 0, 1, 0], "00 5b 00"),
        ("huffman", [0] * 12 + [1, 1, 2, 3], "02 12 33 00 03 00 00 00 0a dc"),
        ("width", [0, 7, 0, 0, 0, 0, 0, 0, 0, 0], "00 0b 02 00 06"),
    ],
)
def test_the_examples_of_the_stages(chain, words, code):
    coder = Chain.parse(chain).coder
    assert coder.encode(np.array(words, np.uint8)).hex(" ") == code
    folder = Path(registry.__file__).parent / "coders" / chain
    assert f"`{code.upper()}`" in (folder / "FORMAT.md").read_text("utf-8")
