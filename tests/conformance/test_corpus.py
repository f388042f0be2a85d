"""A sample of the conformance corpus, and the harness itself: it must see what it is there to see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx_models import conv_relu, model

from fmpass.plan import Options

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
Load = Callable[[str], Any]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str) -> Any:
        import importlib

        return importlib.import_module(name)

    return load


def test_one_case_in_eight(library: str, tmp_path: Path) -> None:
    """In a process of its own, as it forks: the outcome of `make conformance` on a part of the corpus."""
    found = tmp_path / "found.json"
    command = [sys.executable, BENCHMARKS / "conformance.py", "--sample", "8", "--seed", "0", "-o", found]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    document = json.loads(found.read_text("utf-8"))
    assert document["failures"] == []
    assert document["cases"] > 200
    assert sum(document["outcomes"].values()) == document["cases"], "no case without an outcome"
    for reasons in (document["refused"], document["no_eligible_edge"]):
        assert all(reasons.values()), "no case is left out without a reason"


def test_the_results_in_the_repository_are_of_everything_and_without_failures() -> None:
    document = json.loads((BENCHMARKS / "results" / "conformance.json").read_text("utf-8"))
    assert document["failures"] == []
    assert document["round_trip_failures"] == 0
    assert sum(document["outcomes"].values()) == document["cases"] > 2000
    kinds = {kind: sum(counts.values()) for kind, counts in document["by_kind"].items()}
    assert kinds["node"] >= 1884 and min(kinds.values()) > 0
    listed = ("refused", "no_eligible_edge", "identical_at_16_bits", "not_deterministic")
    assert document["outcomes"]["identical"] + sum(len(document[key]) for key in listed) == document["cases"]


def test_the_corpus_is_whole_and_a_sample_is_drawn_by_its_seed(script: Load) -> None:
    corpus = script("corpus")
    files = corpus.cases(("simple", "light", "pytorch-converted", "pytorch-operator"))
    assert len({(case.kind, case.name) for case in files}) == len(files) == 23 + 9 + 82 + 35
    for case in files:
        model = case.model()
        for feed in case.feeds(model):
            assert len(feed.outputs) == len(model.graph.output), case.name
    assert corpus.sampled(files, 8, 1) == corpus.sampled(files, 8, 1) != corpus.sampled(files, 8, 2)
    assert len(corpus.sampled(files, 8, 1)) == 19


def _case(script: Load, proto: onnx.ModelProto, feed: dict[str, np.ndarray], outputs: list[np.ndarray]) -> Any:
    built = SimpleNamespace(model=proto, data_sets=[(list(feed.values()), outputs)])
    return script("corpus").Case("planted", "node", built=built)


def _checked(script: Load, proto: onnx.ModelProto, feed: dict[str, np.ndarray], outputs: list[np.ndarray]) -> Any:
    return script("case_check").check(_case(script, proto, feed, outputs), lambda stage: None)


IMAGE = {"x": np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)}
ANYTHING = [np.zeros((1, 4, 8, 8), np.float32)]


def test_an_equal_case_is_identical_and_its_expected_values_are_looked_at(library: str, script: Load) -> None:
    found = _checked(script, conv_relu(), IMAGE, ANYTHING)
    assert (found.outcome, found.plain, found.round_trip, found.pairs) == ("identical", "other values", "", 4)
    assert found.ops == ("Conv", "Relu")


def test_a_lossy_chain_is_seen(library: str, script: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    lossy = {"chain": "quant{bits=4}|zvc", "boundary": True}
    monkeypatch.setattr(script("case_check"), "Options", lambda **given: Options(**{**given, **lossy}))
    found = _checked(script, conv_relu(), IMAGE, ANYTHING)
    assert found.outcome == "DIFFERENT" and found.failed


def test_a_way_back_that_loses_something_is_seen(library: str, script: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    check = script("case_check")

    def forgetful(proto: onnx.ModelProto) -> onnx.ModelProto:
        found = real(proto)
        found.graph.node[0].name = "other"
        return found

    real = check.api.remove
    monkeypatch.setattr(check, "api", SimpleNamespace(**{**vars(check.api), "remove": forgetful}))
    found = _checked(script, conv_relu(), IMAGE, ANYTHING)
    assert found.failed and "conv1" in found.round_trip


def test_numbers_drawn_without_a_seed_are_told_from_errors(library: str, script: Load) -> None:
    proto = model("g (float[4] x) => (float[4] y) { r = RandomNormalLike(x) y = Relu(r) }")
    found = _checked(script, proto, {"x": np.zeros(4, np.float32)}, [np.zeros(4, np.float32)])
    assert (found.outcome, found.failed) == ("not deterministic", False)
    assert found.reason == "RandomNormalLike without a seed"


def test_what_onnxruntime_refuses_keeps_its_words_and_still_goes_there_and_back(script: Load, library: str) -> None:
    proto = model("g (float[4] x) => (float[4] y) { r = Relu(x) s = nowhere.Some(r) y = Relu(s) }")
    proto.opset_import.add(domain="nowhere", version=1)
    found = _checked(script, proto, {"x": np.zeros(4, np.float32)}, [np.zeros(4, np.float32)])
    assert found.outcome == "plain onnxruntime refuses" and "nowhere" in found.reason
    assert found.pairs and found.digest and not found.round_trip


def _work(item: int, stage: Callable[[str], None]) -> int:
    stage("thinking")
    if item == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == 5:
        time.sleep(60)
    if item == 7:
        bytearray(1 << 34)
    return item * item


def test_a_worker_that_dies_is_attributed_and_the_others_go_on() -> None:
    code = (
        "from test_corpus import _work; from workers import Limits, run\n"
        "for item, result in sorted(run(iter(range(9)), _work, 2, Limits(2.0, 8 << 30)), key=lambda r: r[0]):\n"
        "    print(item, getattr(result, 'how', result), getattr(result, 'stage', ''), sep=',')"
    )
    folders = (BENCHMARKS, Path(__file__).parent, Path(__file__).parents[1])
    path = os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])
    told = subprocess.check_output([sys.executable, "-c", code], text=True, env={**os.environ, "PYTHONPATH": path})
    rows = {int(k): v for k, v in (line.split(",", 1) for line in told.splitlines())}
    assert rows[3] == "SIGSEGV,thinking"
    assert rows[5] == "longer than 2 s,thinking"
    assert rows[7] == "exit 1,thinking"
    assert all(rows[i] == f"{i * i}," for i in (0, 1, 2, 4, 6, 8))
