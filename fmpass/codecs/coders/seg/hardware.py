"""Hardware of `seg`: no published figure for this block format."""

from __future__ import annotations

from fmpass.codecs.stage import Hardware

HARDWARE = Hardware(
    words_per_cycle=None,
    startup_cycles=None,
    encoder_kge=None,
    decoder_kge=None,
    line_buffer="none with a given order; one block where the encoder chooses it",
    source="none known for this format",
)
