"""What holds for every command: fast help, unknown names, reserved names, streams, internal errors."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fmpass.cli import main
from fmpass.cli.commands import COMMANDS, OBJECTIVES, RESERVED, RESERVED_FLAGS

HEAVY = {"cyclopts", "numpy", "rich", "onnx", "onnx_ir", "onnxruntime", "msgspec", "ml_dtypes"}


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["--version"]])
def test_help_and_version_import_nothing_heavy(words):
    code = "import sys; from fmpass.cli import main; main(sys.argv[1:]); print('|'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stderr.strip().split("|")) == set()
    assert done.stdout.strip()


def test_help_names_every_command(fmpass):
    ended = fmpass("--help")
    assert ended.code == 0
    assert all(f"  {name} " in ended.out for name in COMMANDS)
    assert all(name in ended.out for name in RESERVED)
    assert fmpass().code == 2


def test_module_and_version(process):
    ended = process("--version")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("fmpass ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(fmpass, name):
    ended = fmpass(name, "--help")
    assert ended.code == 0
    assert "--json" in ended.out
    assert ended.err == ""


@pytest.mark.parametrize(
    ("typed", "meant"), [("rewrit", "rewrite"), ("inspct", "inspect"), ("docter", "doctor"), ("xyzzy", "")]
)
def test_unknown_command_names_the_nearest(fmpass, typed, meant):
    ended = fmpass(typed)
    assert (ended.code, ended.out) == (2, "")
    assert "FM090" in ended.err
    assert meant in ended.err
    assert fmpass(typed, "--json").error["code"] == "FM090"


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_flag_names_the_nearest(fmpass, name):
    error = fmpass(name, *["x"] * (name in ("inspect", "rewrite")), "--jsn", "--json").error
    assert (error["code"], error["where"]) == ("FM091", "--jsn")
    assert "--json" in error["hint"]


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_commands_say_so(fmpass, name):
    error = fmpass(name, "model.onnx", "--json").error
    assert error["code"] == "FM094"
    assert name in error["where"]
    assert fmpass(name).code == 2


@pytest.mark.parametrize(("name", "flag"), [(n, f) for n, flags in RESERVED_FLAGS.items() for f in flags])
@pytest.mark.parametrize("form", ["{}", "{}=x"])
def test_reserved_flags_are_refused(fmpass, name, flag, form):
    error = fmpass(name, "model.onnx", form.format(flag), "--json").error
    assert (error["code"], error["where"]) == ("FM094", flag)


@pytest.mark.parametrize("objective", [name for name, there in OBJECTIVES.items() if not there])
def test_objectives_that_do_not_exist_yet_are_refused(fmpass, objective):
    error = fmpass("rewrite", "model.onnx", "--objective", objective, "--json").error
    assert error["code"] == "FM094"
    assert objective in error["where"]


def test_missing_and_surplus_arguments(fmpass):
    assert fmpass("encode", "--json").error["code"] == "FM092"
    assert fmpass("encode", "a.npy", "b.npy", "--chain", "zvc", "--json").error["code"] == "FM092"
    assert fmpass("encode", "a.npy", "--chain", "--json").code == 2
    assert fmpass("verify", "a.onnx", "b.onnx", "--runs", "many", "--json").error["code"] == "FM093"


def test_an_internal_error_is_a_short_report(fmpass, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("the roof is leaking")

    monkeypatch.setattr("fmpass.report.codecs.catalogue", broken)
    ended = fmpass("codecs")
    assert ended.code == 1
    assert ended.out == ""
    assert "FM000" in ended.err
    assert "RuntimeError: the roof is leaking" in ended.err
    assert "Traceback" not in ended.err
    assert "Traceback" in fmpass("codecs", "-v").err
    document = fmpass("codecs", "--json").json
    assert document["error"]["code"] == "FM000"


def test_interrupt_ends_with_130(fmpass, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fmpass.report.codecs.catalogue", interrupted)
    ended = fmpass("codecs", "--json")
    assert (ended.code, ended.out) == (130, "")
    assert "Traceback" not in ended.err


def test_a_reader_that_leaves_is_no_error():
    writer = [sys.executable, "-m", "fmpass", "codecs", "--json"]
    with subprocess.Popen(writer, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        err = running.stderr.read()
        running.wait(60)
    assert err == b""
    assert running.returncode == 141


def test_results_that_cannot_be_written_are_an_error(process):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        code = "import sys; from fmpass.cli import main; sys.exit(main(['codecs', '--json']))"
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 6
    assert "FM591" in done.stderr
    assert "Traceback" not in done.stderr


def test_output_in_a_plain_locale(process, tmp_path):
    import json
    import os

    import numpy as np

    np.save(tmp_path / "größe 1.npy", np.zeros((2, 3), np.float32))
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    ended = process("encode", tmp_path / "größe 1.npy", "--chain", "zvc", "--json", env=env)
    assert ended.code == 0
    assert json.loads(ended.out)["output"] == str(tmp_path / "größe 1.fmc")
    assert process("encode", tmp_path / "größe 1.npy", "--chain", "zvc", env=env).code == 0


def test_quiet_says_nothing(fmpass):
    ended = fmpass("codecs", "-q")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_main_takes_the_words_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fmpass", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("fmpass ")
