"""Hardware of `crans`: no published figure for this format."""

from __future__ import annotations

from fmpass.codecs.stage import Hardware

HARDWARE = Hardware(
    words_per_cycle=None,
    startup_cycles=None,
    encoder_kge=None,
    decoder_kge=None,
    line_buffer="one row of the tile for each lane, bytes and errors; tables of 8 KiB each",
    source="none known for this format",
)
