"""Stages and presets: as plain data for JSON, and as tables."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.text import Text

from fmpass.codecs import fields, registry
from fmpass.codecs.chain import presets
from fmpass.codecs.stage import Coder, MapCoder, Stage
from fmpass.dtypes import DTYPES
from fmpass.errors import UsageError
from fmpass.report.columns import Column, fitted

Catalogue = dict[str, list[dict[str, Any]]]


def catalogue(name: str | None = None) -> Catalogue:
    """`stages` and `presets`, all of them or those called `name`. Raises UsageError FM001 for an unknown name."""
    if name is None:
        return {
            "stages": [_stage(stage) for stage in registry.stages()],
            "presets": [_preset(preset) for preset in presets()],
        }
    known = [*registry.names(), *presets()]
    if name not in known:
        hint = f"did you mean {fields.nearest(name, known)!r}? `fmpass codecs` lists all"
        raise UsageError("FM001", where=name, problem="no such stage or preset", hint=hint)
    stages = [_stage(registry.get(name), whole=True)] if name in registry.names() else []
    return {"stages": stages, "presets": [_preset(name)] if name in presets() else []}


def _stage(stage: type[Stage], whole: bool = False) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": stage.name,
        "kind": registry.kind(stage),
        "format_id": stage.format_id,
        "doc": (inspect.getdoc(stage) or "").partition("\n")[0],
        "parameters": [
            {
                "name": p.name,
                "type": p.type,
                "default": p.default,
                "min": p.minimum,
                "max": p.maximum,
                "choices": list(p.choices),
                "doc": p.doc,
            }
            for p in fields.parameters(stage)
        ],
        "dtypes": _accepted(stage()),
    }
    if whole:
        text = Path(inspect.getfile(stage)).with_name("FORMAT.md")
        entry["format"] = text.read_text("utf-8") if text.is_file() else ""
    return entry


def _accepted(stage: Stage) -> list[str]:
    """Element types that the stage takes with its default parameters."""
    if isinstance(stage, (Coder, MapCoder)):
        return [d.name for d in DTYPES if stage.rejects(d) is None]
    reject = getattr(stage, "rejects")  # noqa: B009
    return [d.name for d in DTYPES if reject(d, None) is None]


def _preset(name: str) -> dict[str, Any]:
    chain, doc = presets()[name]
    return {"name": name, "chain": chain, "doc": doc}


def codecs_view(listing: Catalogue, width: int) -> RenderableType:
    """The catalogue in `width` columns; the format text of a stage that was asked for by name."""
    parts: list[RenderableType] = []
    if listing["stages"]:
        rows = [(s["name"], s["kind"], str(s["format_id"]), _types(s["dtypes"]), s["doc"]) for s in listing["stages"]]
        columns = (
            Column("stage", style="cyan"),
            Column("kind"),
            Column("id", "right"),
            Column("takes", least=12, give="wrap"),
            Column("what it does", least=24, give="wrap"),
        )
        parts += [fitted(columns, rows, width), Text()]
        parameters = [(s["name"], *_parameter(p)) for s in listing["stages"] for p in s["parameters"]]
        if parameters:
            columns = (
                Column("stage", style="cyan"),
                Column("parameter"),
                Column("default", "right"),
                Column("range", least=14, give="wrap"),
                Column("meaning", least=16, give="wrap"),
            )
            parts += [fitted(columns, parameters, width), Text()]
    if listing["presets"]:
        rows = [(p["name"], p["chain"], p["doc"]) for p in listing["presets"]]
        columns = (Column("preset", style="cyan"), Column("chain"), Column("source", least=24, give="wrap"))
        parts += [fitted(columns, rows, width)]
    for stage in listing["stages"]:
        if stage.get("format"):
            parts.append(Markdown(stage["format"]))
    return Group(*parts)


def _types(names: list[str]) -> str:
    """Short: what is not taken where that is less."""
    left_out = [d.name for d in DTYPES if d.name not in names]
    if not left_out:
        return "all types"
    if len(left_out) < len(names):
        return f"all but {', '.join(left_out)}"
    return ", ".join(names)


def _parameter(p: dict[str, Any]) -> tuple[str, str, str, str]:
    if p["choices"]:
        limits = ", ".join(map(str, p["choices"]))
    elif p["min"] is not None or p["max"] is not None:
        low = "" if p["min"] is None else f"{p['min']:g}"
        high = "" if p["max"] is None else f"{p['max']:g}"
        limits = f"{low} … {high}"
    else:
        limits = "true, false" if p["type"] == "bool" else ""
    default = "none" if p["default"] is None else str(p["default"]).lower()
    return p["name"], default, limits, p["doc"]
