"""Hardware of `quant`: no figure: it belongs to the requantiser that every accelerator has."""

from __future__ import annotations

from fmpass.codecs.stage import Hardware

HARDWARE = Hardware(
    words_per_cycle=None,
    startup_cycles=None,
    encoder_kge=None,
    decoder_kge=None,
    line_buffer="none: elementwise",
    source="none known; a multiplier and a rounding adder a lane",
)
