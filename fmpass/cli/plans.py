"""`--plan FILE`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fmpass.cli.files import existing

if TYPE_CHECKING:
    from pathlib import Path

    from fmpass.plan import Plan

_BESIDE = ("output", "form", "pairs", "verify", "emulation")
"""Keys that `rewrite --json` prints beside the plan: its output can be edited and given back as it is."""


def read_plan(path: Path) -> Plan:
    """The plan of a file. Raises UsageError FM020 naming what does not fit, FM095 where there is no file."""
    from fmpass.plan import Plan

    text = existing(path).read_bytes()
    try:
        document = json.loads(text)
    except ValueError:  # Plan says where
        return Plan.from_json(text, str(path))
    if isinstance(document, dict):
        text = json.dumps({key: value for key, value in document.items() if key not in _BESIDE}).encode()
    return Plan.from_json(text, str(path))
