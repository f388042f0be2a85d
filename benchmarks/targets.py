"""What was measured before and what is aimed at, in bits per value: the numbers that a coder's own stand beside.

EBPC's are those of its authors' models (oracle/ebpc_reference*.json); the others are the section Targets of
design/rates.md: prototypes, measured by payload size without container, and what the product has to reach.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MODELS = {
    "squeezenet1.1": "squeezenet1.1",
    "mobilenetv2_1.0": "mobilenetv2_1.0_float",
    "cifar10_resnet20": "cifar10_resnet20",
    "cifar10_resnet56": "cifar10_resnet56",
    "deeplabv3_mnv2": "deeplabv3_mnv2_pascal_float",
    "yolox_nano": "yolox_nano_coco",
    "waifu2x_cunet": "waifu2x_cunet_noise0",
    "kwt1_transformer": "kwt1_transformer",
}
"""Name in the page → file stem of the model."""

COLUMNS = {
    "EBPC": "EBPC, prototype",
    "zstd-19": "zstd-19, prototype",
    "prototype U": "contexts, prototype",
    "lossless 8 bit: must": "must",
    "goal": "goal",
}
"""Heading in the page → what it is called here. `goal` is there twice; the first one is the lossless one."""

PUBLISHED = {"EBPC_algo_ours04": "EBPC, published", "EBPC_hw_paper_block8": "EBPC, published hardware"}
"""Key in the reference → what it is called here."""


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def of_models(root: Path) -> dict[str, dict[str, float]]:
    """Name here → file stem → bits per value."""
    lines = (root / "design" / "rates.md").read_text().partition("## Targets")[2].splitlines()
    table = [_cells(line) for line in lines if line.startswith("|")]
    header, rows = table[0], table[2:]
    found: dict[str, dict[str, float]] = {name: {} for name in COLUMNS.values()}
    for heading, name in COLUMNS.items():
        at = header.index(heading)
        for row in rows:
            found[name][MODELS[row[0]]] = float(row[at])
    return found


def reference(root: Path) -> dict[str, dict[str, Any]]:
    """Map → what the authors' models of EBPC need for it."""
    merged: dict[str, dict[str, Any]] = {}
    for file in ("ebpc_reference.json", "ebpc_reference_real.json"):
        merged.update(json.loads((root / "oracle" / file).read_text()))
    return merged


def of_maps(root: Path) -> dict[str, dict[str, float]]:
    """Name here → oracle map → bits per value."""
    known = reference(root)
    return {
        name: {label: entry[key]["bpv"] for label, entry in known.items() if key in entry}
        for key, name in PUBLISHED.items()
    }
