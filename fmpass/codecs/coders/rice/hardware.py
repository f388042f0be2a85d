"""Hardware of `rice`: an estimate for one lane; nothing synthesised, nothing published for this block format."""

from __future__ import annotations

from fmpass.codecs.stage import Hardware

HARDWARE = Hardware(
    words_per_cycle=None,
    startup_cycles=None,
    encoder_kge=None,
    decoder_kge=None,
    line_buffer="one row of the tile for each of four lanes; an encoder sees its tile twice",
    source="none known for this format; it needs adders, comparators and a shifter, but no table and no multiplier",
)
