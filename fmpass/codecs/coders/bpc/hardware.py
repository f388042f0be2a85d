"""Hardware of `bpc`: no figure for the plane coder alone."""

from __future__ import annotations

from fmpass.codecs.stage import Hardware

HARDWARE = Hardware(
    words_per_cycle=None,
    startup_cycles=None,
    encoder_kge=None,
    decoder_kge=None,
    line_buffer="one group of words, and its planes while they are sent",
    source="none known for the plane coder alone; ebpc contains it",
)
