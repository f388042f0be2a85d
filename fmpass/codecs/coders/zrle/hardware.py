"""Hardware of `zrle`: no published figure for this byte form."""

from __future__ import annotations

from fmpass.codecs.stage import Hardware

HARDWARE = Hardware(
    words_per_cycle=None,
    startup_cycles=None,
    encoder_kge=None,
    decoder_kge=None,
    line_buffer="none: one counter",
    source="none known for this format",
)
