"""Hardware of `planeres`: no published figure."""

from __future__ import annotations

from fmpass.codecs.stage import Hardware

HARDWARE = Hardware(
    words_per_cycle=None,
    startup_cycles=None,
    encoder_kge=None,
    decoder_kge=None,
    line_buffer="encoder: the last `window` planes, or as many reads of them; decoder: one more read of a plane",
    source="none known; a subtracter a lane, and for each plane searched a table of 2 W lengths and an adder a lane",
)
