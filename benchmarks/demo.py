"""Rewrite the demo models, print what `fmpass rewrite` prints, and draw the picture of the README.

    python benchmarks/demo.py

Writes benchmarks/results/demo.json and docs/images/demo.svg.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from shared import RESULTS, ROOT, machine

from fmpass import api
from fmpass.data import DataOptions, open_data
from fmpass.measure.inputs import input_specs
from fmpass.measure.verify import VerifyOptions, compare
from fmpass.report.rewriting import rewrite_document, rewrite_view

WIDTH = 92
CELL, BLANK = 12.2, "&#160;"
"""Width of a character in rich's pictures, and a blank there."""

INDENTED = re.compile(
    r'x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="(?P<length>[\d.]+)" (?P<rest>[^>]*)>'
    r"(?P<blanks>(&#160;)+)(?=[^<&])"
)
DATA = ROOT / "models" / "demo_samples.npz"
FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""
"""The frame of the picture: no fonts from elsewhere, so it shows offline."""


def rewritten(name: str, folder: Path) -> api.RewriteResult:
    """The demo model `name` with pairs, verified on the samples."""
    path = ROOT / "models" / name

    def check(original: Any, changed: Any) -> Any:
        samples = open_data(DATA, input_specs(path), DataOptions())
        return compare(original, changed, samples, VerifyOptions())

    return api.rewrite_model(path, folder / name.replace(".onnx", ".fm.onnx"), verifier=check)


def main() -> None:
    """Print, write, draw."""
    print(f"Measured on {machine()}.\n")
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("demo.onnx", "demo_int8.onnx"):
            done = rewritten(name, Path(folder))
            output, report = Path("build") / done.output.name, done.verification  # type: ignore[union-attr]
            results[name] = rewrite_document(output, done.plan, report)
            view = rewrite_view(output, done.plan, report, WIDTH, explain=False)
            print(f"$ fmpass rewrite models/{name} -o {output} --data models/demo_samples.npz")
            Console(width=WIDTH, highlight=False).print(view)
            if name == "demo.onnx":
                draw(view)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "demo.json").write_text(json.dumps(results, indent=1) + "\n")


def unindented(tag: re.Match[str]) -> str:
    """Leading blanks as a larger x: some renderers drop them, and numbers would no longer stand right."""
    shift = len(tag["blanks"]) // len(BLANK) * CELL
    x, length = float(tag["x"]) + shift, float(tag["length"]) - shift
    return f'x="{x:g}" y="{tag["y"]}" textLength="{length:g}" {tag["rest"]}>'


def draw(view: Any) -> None:
    """The picture of the README."""
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(view)
    picture = console.export_svg(title="fmpass rewrite models/demo.onnx", code_format=FRAME, unique_id="demo")
    picture = INDENTED.sub(unindented, picture)
    target = ROOT / "docs" / "images" / "demo.svg"
    target.parent.mkdir(exist_ok=True)
    target.write_text(picture)


if __name__ == "__main__":
    main()
