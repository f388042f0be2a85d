"""No permission, full disks and interrupts: one error, the right code, and no half-written file."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

SMALL = 4096
"""Bytes that a file may have in a process with a limit: less than any result here."""


def limited() -> None:
    """A disk that is full after SMALL bytes, for root too."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))


def results(demo: Path) -> dict[str, list[object]]:
    return {
        "rewrite": ["rewrite", demo, "--no-verify"],
        "remove": ["remove", demo],
        "run": ["run", demo, "--data", demo.with_name("demo_samples.npz"), "--batch", 1],
        "encode": ["encode", demo.with_name("x.npy"), "--chain", "raw"],
        "decode": ["decode", demo.with_name("x.fmc")],
    }


COMMANDS = ("rewrite", "remove", "run", "encode", "decode")


@pytest.fixture
def ready(demo, fmpass):
    """The demo folder with an array and its payload."""
    import numpy as np

    np.save(demo.with_name("x.npy"), np.random.default_rng(0).normal(size=(40, 80)))
    assert fmpass("encode", demo.with_name("x.npy"), "--chain", "raw", "-q").code == 0
    return demo


def entries(folder: Path) -> dict[str, bytes | None]:
    return {p.name: p.read_bytes() if p.is_file() else None for p in folder.iterdir()}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(process, ready, command):
    before = entries(ready.parent)
    out = ready.with_name("out.bin")
    ended = process(*results(ready)[command], "-o", out, "--json", preexec_fn=limited)
    assert ended.code == 6, ended.err
    assert ended.error["code"] == "FM502"
    assert ended.error["where"] == str(out)
    assert entries(ready.parent) == before


@pytest.mark.parametrize("command", ["rewrite", "run"])
def test_a_full_disk_keeps_the_file_that_was_there(process, ready, command):
    out = ready.with_name("out.bin")
    out.write_bytes(b"older result")
    before = entries(ready.parent)
    assert process(*results(ready)[command], "-o", out, preexec_fn=limited).code == 6
    assert entries(ready.parent) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_device_that_is_full(fmpass, ready, command):
    error = fmpass(*results(ready)[command], "-o", "/dev/full", "--json").error
    assert (error["code"], error["where"]) == ("FM502", "/dev/full")
    assert not Path("/dev/full").is_file()


@pytest.mark.parametrize("command", COMMANDS)
def test_no_permission(fmpass, ready, command):
    # nobody, root included, may create a file in sysfs
    error = fmpass(*results(ready)[command], "-o", "/sys/fmpass out.bin", "--json").error
    assert error["code"] == "FM501"
    assert error["where"] == "/sys/fmpass out.bin"
    assert "-o" in error["hint"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write(fmpass, ready):
    folder = ready.with_name("locked")
    folder.mkdir(mode=0o555)
    assert fmpass("rewrite", ready, "--no-verify", "-o", folder / "x.onnx", "--json").error["code"] == "FM501"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_in_place_of_the_file(fmpass, ready, command):
    before = entries(ready.parent)
    ended = fmpass(*results(ready)[command], "-o", ready.parent, "--json")
    assert (ended.code, ended.error["code"]) == (6, "FM501")
    assert entries(ready.parent) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_does_not_exist(fmpass, ready, command):
    ended = fmpass(*results(ready)[command], "-o", ready.parent / "no" / "where.bin", "--json")
    assert (ended.code, ended.error["code"]) == (6, "FM501")


def test_a_link_stays_a_link(fmpass, ready):
    target, link = ready.with_name("real.onnx"), ready.with_name("link.onnx")
    target.write_bytes(b"old")
    link.symlink_to(target)
    assert fmpass("rewrite", ready, "--no-verify", "-o", link, "-q").code == 0
    assert link.is_symlink()
    assert target.stat().st_size > 1000


def test_new_files_have_the_usual_rights(process, ready):
    out = ready.with_name("o.onnx")
    assert process("rewrite", ready, "--no-verify", "-o", out, preexec_fn=lambda: os.umask(0o027)).code == 0
    assert out.stat().st_mode & 0o777 == 0o640


def test_the_result_may_replace_the_model(fmpass, ready):
    assert fmpass("rewrite", ready, "-o", ready, "-q").code == 0
    assert fmpass("remove", ready, "-o", ready, "--json").json["pairs"] == 11


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_middle_leaves_nothing(ready, number, code):
    before = entries(ready.parent)
    out = ready.with_name("out.npz")
    call = [sys.executable, "-m", "fmpass", "run", ready, "--data", "random:1000000", "-o", out]
    # A shell that starts this suite in the background has it, and so its children, ignore SIGINT.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as running:
        try:
            wait_for(lambda: any(p.suffix == ".tmp" and p.stat().st_size for p in ready.parent.iterdir()), running)
            running.send_signal(number)
            out_text, err_text = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == code
    assert out_text == ""
    assert "Traceback" not in err_text
    assert entries(ready.parent) == before


def wait_for(happened, running):
    while not happened():
        assert running.poll() is None, "it ended too early"
        time.sleep(0.01)
