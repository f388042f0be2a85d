"""The names of commands and flags: those that exist and those that are only reserved."""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    "inspect": "list the activation edges of a model",
    "rewrite": "put compression around activation edges, verify, write the model",
    "remove": "take it out again: the exact inverse of rewrite",
    "verify": "run original and rewritten model and compare them",
    "run": "run a model with the operator library registered",
    "diff": "say how two models differ in structure",
    "encode": "one .npy tensor into a payload file",
    "decode": "a payload file back into a .npy tensor",
    "codecs": "stages and presets, their parameters, what they accept",
    "doctor": "check versions, library, SIMD level and a round trip",
}

RESERVED: tuple[str, ...] = (
    "profile",
    "evaluate",
    "calibrate",
    "plan",
    "lower",
    "simulate",
    "emit",
    "report",
    "prune",
    "finetune",
)

RESERVED_FLAGS: dict[str, tuple[str, ...]] = {
    "rewrite": ("--stats", "--target", "--tuned"),
    "encode": ("--stats",),
}
"""Flags whose meaning is pinned and which no release understands yet: refused, never ignored."""

OBJECTIVES: dict[str, bool] = {"traffic": True, "memory": False, "accelerator": False}
"""Objectives of `rewrite` and whether this release has them."""


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """The known word that looks most like `word`."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1, cutoff=0.0)
    return close[0] if close else ""
