"""Every trained model: the way there and back, twice, under different hash seeds."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import onnx

from fmpass import api
from fmpass.graph import diff

_PRINT_DIGESTS = """
import hashlib, sys
from fmpass import api
for path in sys.argv[1:]:
    print(hashlib.sha256(api.rewrite(__import__("onnx").load(path)).SerializeToString(deterministic=True)).hexdigest())
"""


def test_there_and_back(shared_model: Path, tmp_path: Path) -> None:
    once = api.rewrite_model(shared_model, tmp_path / "once.onnx")
    assert once.pairs > 0
    twice = api.rewrite_model(tmp_path / "once.onnx", tmp_path / "twice.onnx")
    assert (twice.pairs, twice.inserted) == (once.pairs, 0)
    assert (tmp_path / "twice.onnx").read_bytes() == (tmp_path / "once.onnx").read_bytes()
    api.remove(tmp_path / "twice.onnx", tmp_path / "back.onnx")
    assert list(diff.differences(onnx.load(shared_model), onnx.load(tmp_path / "back.onnx"))) == []
    assert all(d.reason for d in once.plan.decisions)


def test_no_pair_between_a_kernel_and_what_is_fused_into_it(shared_model: Path) -> None:
    proto = api.rewrite(onnx.load(shared_model))
    makers = {name: n.op_type for n in proto.graph.node for name in n.output}
    for node in proto.graph.node:
        if node.op_type == "FmCompress" and makers[node.input[0]] in ("Conv", "ConvTranspose", "Gemm"):
            restored = node.output[0].replace("fm_payload", "fm_restored")
            readers = [n.op_type for n in proto.graph.node if restored in n.input]
            assert readers != ["Relu"] and readers != ["Clip"] and readers != ["BatchNormalization"], node.input[0]


def test_same_bytes_under_another_hash_seed(shared_data: Path) -> None:
    names = ("cifar10_resnet20_qdq", "silero_vad", "dtln_model_1_loop", "magika_v3_3")
    paths = [shared_data / "models" / f"{name}.onnx" for name in names]
    command = [sys.executable, "-c", _PRINT_DIGESTS, *map(str, paths)]
    found = {subprocess.check_output(command, env={**os.environ, "PYTHONHASHSEED": seed}) for seed in ("0", "77")}
    assert len(found) == 1
    here = [hashlib.sha256(api.rewrite(onnx.load(p)).SerializeToString(deterministic=True)).hexdigest() for p in paths]
    assert found.pop().decode().split() == here
