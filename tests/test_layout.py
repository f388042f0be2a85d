"""The house rules that no other tool checks: the table of errors, names of modules, sizes, what the pages promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import file_lengths
import pytest

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| (FM\d{3}) \| (.+) \| (.+) \|$")
CODE = re.compile(r'"(FM\d{3})"')
RAISED = re.compile(
    r'(UsageError|NothingToGain|UnsupportedModel|PayloadError|VerificationFailed|EnvironmentFailure)\(\s*"(FM\d)\d\d"'
)
RANGES = {
    "UsageError": {"FM0", "FM2"},
    "NothingToGain": {"FM2"},
    "UnsupportedModel": {"FM1", "FM2"},
    "PayloadError": {"FM3"},
    "VerificationFailed": {"FM4"},
    "EnvironmentFailure": {"FM5"},
}


def rows() -> list[tuple[str, str, str]]:
    lines = (ROOT / "docs/errors.md").read_text("utf-8").splitlines()
    return [match.groups() for line in lines if (match := ROW.match(line))]  # pyright: ignore[reportReturnType]


def sources() -> list[Path]:
    return sorted((ROOT / "fmpass").rglob("*.py"))


def test_every_code_of_the_sources_is_in_the_table_and_the_other_way_round():
    used: dict[str, str] = {}
    for path in sources():
        for code in CODE.findall(path.read_text("utf-8")):
            used.setdefault(code, str(path.relative_to(ROOT)))
    listed = {code for code, _, _ in rows()}
    assert {code: where for code, where in used.items() if code not in listed} == {}, "add rows to docs/errors.md"
    assert listed - used.keys() == set(), "nothing raises these"


def test_the_table_of_errors_is_sorted_and_says_what_to_do():
    codes = [code for code, _, _ in rows()]
    assert codes == sorted(set(codes))
    assert all(meaning.strip() and remedy.strip() for _, meaning, remedy in rows())


def test_codes_lie_in_the_range_of_their_error():
    wrong = [
        (str(path.relative_to(ROOT)), kind, prefix)
        for path in sources()
        for kind, prefix in RAISED.findall(path.read_text("utf-8"))
        if prefix not in RANGES[kind]
    ]
    assert wrong == []


def test_no_module_is_a_drawer_for_everything():
    drawers = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [p for p in [*sources(), *(ROOT / "tests").rglob("*.py")] if p.stem in drawers] == []


def test_every_package_folder_is_a_package():
    folders = {p.parent for p in sources()}
    assert [f for f in folders if not (f / "__init__.py").is_file()] == []


def test_no_source_is_longer_than_the_limit():
    assert [pair for pair in file_lengths.lengths(ROOT) if pair[0] > file_lengths.FAIL] == []


@pytest.mark.parametrize("lines, expected", [(600, 0), (601, 1)])
def test_the_length_check_fails_above_the_limit(tmp_path, capsys, lines, expected):
    (tmp_path / "long.py").write_text("x = 1\n" * lines)
    (tmp_path / "text.md").write_text("x\n" * 5000)
    assert file_lengths.main(tmp_path) == expected
    assert "long.py" in capsys.readouterr().out


def test_demo_files_are_small_and_there():
    sizes = {
        name: (ROOT / "models" / name).stat().st_size for name in ("demo.onnx", "demo_int8.onnx", "demo_samples.npz")
    }
    assert all(0 < size <= 2_000_000 for size in sizes.values()), sizes


def test_pages_name_every_command_and_no_other():
    from fmpass.cli.commands import COMMANDS, RESERVED

    for page in ("README.md", "docs/cli.md"):
        named = set(re.findall(r"`fmpass ([a-z]+)", (ROOT / page).read_text("utf-8")))
        assert named <= {*COMMANDS, *RESERVED}, page
        assert named >= set(COMMANDS), page


def test_links_between_pages_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_the_example_of_the_readme_runs(tmp_path):
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert example
    (tmp_path / "models").symlink_to(ROOT / "models")
    (tmp_path / "build").mkdir()
    call = [sys.executable, "-c", example[1]]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(call, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    accuracy, verdict = done.stdout.splitlines()
    assert float(accuracy) > 0.9
    assert verdict.startswith("True ")


def test_no_two_test_files_share_a_name():
    """pytest puts their folders on one path, so the second of a name would not be collected."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)
