"""Length of source files: more than 400 lines is a warning, more than 600 an error. `python tests/file_lengths.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WARN, FAIL = 400, 600
SUFFIXES = {".py", ".cc", ".cpp", ".h", ".hpp", ".c"}
SKIPPED = {".venv", "build", "dist", "node_modules", "__pycache__"}


def sources(root: Path) -> list[Path]:
    """Source files below `root`: those of git where this is a checkout, else all."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, capture_output=True
    )
    if listing.returncode == 0:
        found = [root / name for name in listing.stdout.decode("utf-8", "surrogateescape").split("\0") if name]
    else:
        found = [p for p in root.rglob("*") if not SKIPPED & set(p.relative_to(root).parts)]
    return sorted(p for p in set(found) if p.suffix in SUFFIXES and p.is_file())


def lengths(root: Path) -> list[tuple[int, Path]]:
    """(lines, file) of the files that are longer than the warning length, longest first."""
    counted = [(len(path.read_bytes().splitlines()), path) for path in sources(root)]
    return sorted((pair for pair in counted if pair[0] > WARN), reverse=True)


def main(root: Path) -> int:
    """Print the offenders; 1 where one of them is an error."""
    worst = lengths(root)
    for lines, path in worst:
        kind = "error" if lines > FAIL else "warning"
        print(f"{kind}: {path.relative_to(root)}: {lines} lines (limit {FAIL}, {WARN} asks for a reason)")
    return int(any(lines > FAIL for lines, _ in worst))


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
