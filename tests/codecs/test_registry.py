"""The registry is the set of folders; every folder is whole."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from codec_cases import needs_library

import fmpass.codecs
from fmpass.codecs import fields, native, registry
from fmpass.codecs.stage import Hardware
from fmpass.dtypes import DTYPES
from fmpass.errors import UsageError

ROOT = Path(fmpass.codecs.__file__).parent
FOLDERS = sorted(p.parent for p in ROOT.glob("*/*/__init__.py"))


def test_the_registry_is_the_set_of_folders():
    assert {"raw", "zvc", "zrle", "bpc", "ebpc", "quant"} <= {f.name for f in FOLDERS}
    assert {f.name for f in FOLDERS} <= set(registry.names())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_every_folder_is_whole(folder):
    stage = registry.get(folder.name)
    assert registry.kind(stage) == folder.parent.name.removesuffix("s")
    for part in ("reference.py", "kernel.hpp", "hardware.py", "FORMAT.md", "golden/payloads.json"):
        assert (folder / part).is_file(), part
    text = (folder / "FORMAT.md").read_text("utf-8")
    assert text.startswith(f"# {stage.name} · format id {stage.format_id}\n")
    for p in fields.parameters(stage):
        assert f"| {p.name} | " in text
        assert p.doc
    assert isinstance(importlib.import_module(f"{stage.__module__}.hardware").HARDWARE, Hardware)


@pytest.mark.parametrize("stage", registry.stages(), ids=lambda s: s.name)
def test_every_stage_takes_some_type_at_its_defaults(stage):
    built = stage()
    arguments = (None,) if registry.kind(stage) == "transform" else ()
    assert [d for d in DTYPES if built.rejects(d, *arguments) is None]


def test_format_ids_and_names_are_pinned():
    assert {s.name: s.format_id for s in registry.stages()}.items() >= {
        ("raw", 1),
        ("zvc", 2),
        ("zrle", 3),
        ("bpc", 4),
        ("ebpc", 5),
        ("width", 6),
        ("seg", 7),
        ("huffman", 8),
        ("crans", 9),
        ("rice", 10),
        ("quant", 64),
        ("planeres", 65),
    }


def test_an_unknown_stage_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'zvc'") as raised:
        registry.get("zcv")
    assert raised.value.code == "FM001"


@needs_library
@pytest.mark.parametrize("stage", registry.stages(), ids=lambda s: s.name)
def test_the_library_has_the_same_stages(stage):
    (entry,) = [s for s in native.stages() if s["name"] == stage.name]
    assert (entry["format_id"], entry["kind"]) == (stage.format_id, registry.kind(stage))
    assert isinstance(entry["fields"], list)
    assert [f["name"] for f in entry["fields"]] == [p.name for p in fields.parameters(stage)]
    for f, p in zip(entry["fields"], fields.parameters(stage), strict=True):
        assert f["type"].replace(" ", "") == p.type
        assert f["default"] == p.default
        if not p.choices:
            assert (f["min"], f["max"]) == (p.minimum, p.maximum)


@needs_library
def test_the_library_has_no_stage_without_a_folder():
    assert {s["name"] for s in native.stages()} <= {f.name for f in FOLDERS}
