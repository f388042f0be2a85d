"""A share of the fuzzing of model files, and whether the fuzzer would see what it looks for."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import fuzz_models
import onnx
import pytest
from google.protobuf.message import DecodeError
from mutations import STRUCTURAL, change_field, deep, mutant, names
from onnx_models import conv_relu
from seeds import seeds

from fmpass import api

SCRIPT = Path(fuzz_models.__file__)


def test_no_mutant_ends_otherwise_than_documented() -> None:
    """In a process of its own, as it forks."""
    command = [sys.executable, SCRIPT, "--mutants", "320", "--seed", "20"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("320 mutants, 0 failed"), ended.stdout
    assert " done " in ended.stdout and " FM107 " in ended.stdout, "some are rewritten and some refused"


def test_a_mutant_is_the_same_every_time() -> None:
    known = seeds()
    assert known == seeds()
    for number in range(30):
        assert mutant(random.Random(f"1:{number}"), known) == mutant(random.Random(f"1:{number}"), known)


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed[0])
def test_seeds_are_rewritten_and_come_back(seed: tuple[str, bytes]) -> None:
    name, data = seed
    for number in range(4):
        ending = fuzz_models.attempt(data, number, lambda stage: None, fuzz_models.documented())
        assert not ending.problem, (name, ending)


def test_every_kind_of_mutation_changes_something() -> None:
    known = [(name, data) for name, data in seeds() if name in ("branches", "crowded", "functions")]
    for change in (*STRUCTURAL, change_field):
        changed = 0
        for number in range(20):
            rng = random.Random(number)
            before = rng.choice(known)[1]
            proto = onnx.ModelProto.FromString(before)
            try:
                change(rng, proto)
                changed += proto.SerializeToString() != before
            except (ValueError, TypeError, IndexError, DecodeError):
                continue
        assert changed >= 8, change.__name__


def test_a_bug_and_a_lost_name_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    data, allowed = conv_relu().SerializeToString(), fuzz_models.documented()

    def quiet(stage: str) -> None: ...

    assert fuzz_models.attempt(data, 0, quiet, allowed) == fuzz_models.Ending("done")
    monkeypatch.setattr(api, "rewrite_model", lambda *_, **__: {}["a bug"])
    ending = fuzz_models.attempt(data, 0, quiet, allowed)
    assert ending.code == "FM000" and "a bug" in ending.problem
    monkeypatch.undo()
    real = api.remove_model

    def forgetful(model: Path, output: Path) -> object:
        found = real(model, output)
        proto = onnx.load(output)
        proto.graph.node[0].name = "other"
        onnx.save(proto, output)
        return found

    monkeypatch.setattr(api, "remove_model", forgetful)
    assert "comes back changed" in fuzz_models.attempt(data, 0, quiet, allowed).problem


def test_names_are_those_of_all_graphs() -> None:
    assert names(conv_relu()) == ["c", "r", "w1", "w2", "x", "y"]


def test_deep_bodies_are_bodies() -> None:
    graph = onnx.GraphProto.FromString(deep(5))
    for _ in range(5):
        assert graph.node[0].attribute[0].type == onnx.AttributeProto.GRAPH
        graph = graph.node[0].attribute[0].g
    assert not graph.node
