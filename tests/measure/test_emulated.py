"""Pairs against their emulation: equal where all is well, and a difference is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from small_models import branches, convolutions, feeds, half_precision

from fmpass import api
from fmpass.errors import VerificationFailed
from fmpass.measure.emulated import EmulationReport, compare_emulated
from fmpass.passes import emulation
from fmpass.plan import Options

LOSSY = "quant{bits=4}|zvc"


def check(proto: onnx.ModelProto, chain: str | None, samples: Any, memory_nbytes: int = 1 << 30) -> EmulationReport:
    report: list[EmulationReport] = []

    def verifier(native: Any, emulated: Any) -> EmulationReport:
        report.append(compare_emulated(native, emulated, samples, memory_nbytes))
        return report[0]

    result = api.rewrite_model(proto, options=Options(chain=chain, emulate=True), emulation_verifier=verifier)
    assert result.emulation is report[0]
    return report[0]


@pytest.mark.runtime
@pytest.mark.parametrize("chain", [None, LOSSY, "quant{bits=5,signed=false,axis=1}|zvc"])
def test_equal(chain: str | None, library: str) -> None:
    assert check(convolutions(), chain, feeds(3)) == EmulationReport(True, 2, 3)


@pytest.mark.runtime
def test_memory_is_limited_by_going_through_the_feeds_again(library: str) -> None:
    assert check(convolutions(), LOSSY, feeds(2), memory_nbytes=1) == EmulationReport(True, 2, 2)


@pytest.mark.runtime
@pytest.mark.parametrize("sign", [3.0, -3.0])
def test_edges_in_bodies_are_seen_through_the_outputs(sign: float, library: str) -> None:
    assert check(branches(), LOSSY, feeds(2, sign=sign)) == EmulationReport(True, 0, 2)


@pytest.mark.runtime
@pytest.mark.parametrize("chain", [None, LOSSY])
def test_half_precision(chain: str | None, library: str) -> None:
    assert check(half_precision(), chain, feeds(2, np.float16)) == EmulationReport(True, 2, 2)


@pytest.mark.runtime
def test_a_wrong_emulation_is_found_and_nothing_is_written(
    tmp_path: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulation, "_registered", {})
    emulation.register("quant", lambda graph, stage, x, words: graph.floor(x))
    onnx.save(convolutions(), tmp_path / "m.onnx")
    with pytest.raises(VerificationFailed) as caught:
        api.rewrite_model(
            tmp_path / "m.onnx",
            options=Options(chain=LOSSY, emulate=True),
            emulation_verifier=lambda a, b: compare_emulated(a, b, feeds(1)),
        )
    assert (caught.value.code, caught.value.where) == ("FM408", "value 'r1__fm_restored'")
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.runtime
def test_an_emulation_that_does_not_run_is_told(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulation, "_registered", {})
    emulation.register("quant", lambda graph, stage, x, words: graph.reshape(x, [7, 7]))
    with pytest.raises(VerificationFailed, match="it does not run without the library"):
        check(convolutions(), LOSSY, feeds(1))
