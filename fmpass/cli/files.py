"""Files that commands read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fmpass.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def existing(path: Path) -> Path:
    """`path`, where it is a file. Raises UsageError FM095 or FM096: a name that was mistyped is no damaged model."""
    if path.is_dir():
        raise UsageError("FM096", where=str(path), problem="is a folder, a file is wanted", hint="name a file")
    if not path.exists():
        raise UsageError("FM095", where=str(path), problem="no such file", hint="check the path")
    return path
