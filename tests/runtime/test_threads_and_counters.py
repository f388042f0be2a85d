"""Blocks on onnxruntime's thread pool, concurrent runs of one session, and the counters of the operators."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pair_models import Pair, heard, round_trip, run, same_bits, sample, session

from fmpass.codecs import container
from fmpass.codecs.chain import Chain
from fmpass.dtypes import by_name
from fmpass.runtime.library import EdgeCount, counting, read_counters, reset_counters

pytestmark = pytest.mark.runtime

F32 = by_name("float32")


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_number_of_threads_changes_nothing(threads):
    x = sample(F32, (100_003,))
    for chain in ("zvc", "ebpc"):
        outputs = run(round_trip(F32, x.shape, Pair(chain=chain, block=1024)), {"X": x}, threads=threads)
        assert outputs["payload"].tobytes() == container.encode(Chain.parse(chain), x, 1024)
        assert same_bits(heard(outputs["Y"]), x)


def test_one_session_runs_in_many_threads_at_once():
    opened = session(round_trip(F32, ["n", 50], Pair(block=512)), threads=2)
    feeds = [sample(F32, (n, 50), seed=n) for n in range(40)]
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda x: opened.run(["Y"], {"X": x})[0], feeds * 3))
    assert all(same_bits(heard(y), x) for y, x in zip(results, feeds * 3, strict=True))


def test_errors_in_one_thread_leave_the_others_alone():
    from test_refusals import GOOD, X, feed, restoring

    opened = session(restoring(), threads=2)
    bad = feed(GOOD[:-1] + b"\xff")

    def attempt(i: int) -> bool:
        if i % 3:
            return same_bits(opened.run(None, feed(GOOD))[0], X)
        with pytest.raises(Exception, match="at edge 'here'"):
            opened.run(None, bad)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(attempt, range(60)))


def test_counters_add_up_per_edge():
    x, small = sample(F32, (4000,)), np.zeros(7, np.float32)
    opened = session(round_trip(F32, ["n"], Pair("counted")))
    with counting("count"):
        sizes = [opened.run(["payload"], {"X": v})[0].size for v in (x, small, small)]
        rows = {row.edge: row for row in read_counters()}
    assert rows["counted"] == EdgeCount("counted", "zvc", 3, 4014, sum(sizes), 0)
    assert rows["counted"].bits_per_value == 8 * sum(sizes) / 4014
    assert rows["echo"].calls == 3
    opened.run(None, {"X": x})  # off again
    assert {row.edge: row for row in read_counters()} == rows
    reset_counters()
    assert read_counters() == ()


def test_audit_finds_no_mismatch_in_lossless_chains_and_some_in_lossy_ones():
    x = np.linspace(-1, 1, 3001, dtype=np.float32)
    with counting("audit"):
        for edge, chain in (("exact", "ebpc"), ("rounded", "quant|zvc")):
            opened = session(round_trip(F32, x.shape, Pair(edge, chain, block=256)))
            for _ in range(2):
                opened.run(None, {"X": x})
        rows = {row.edge: (row.chain, row.calls, row.mismatches) for row in read_counters()}
    assert rows == {"exact": ("ebpc", 2, 0), "rounded": ("quant|zvc", 2, 2), "echo": ("raw", 4, 0)}


def test_the_canonical_chain_is_counted():
    with counting("count"):
        run(round_trip(F32, (3,), Pair("E", " quant{ bits = 8 } | zvc ")), {"X": np.zeros(3, np.float32)})
        assert [row.chain for row in read_counters() if row.edge == "E"] == ["quant|zvc"]
