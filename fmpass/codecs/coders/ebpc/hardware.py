"""Hardware of `ebpc`: the published figures of its authors."""

from __future__ import annotations

from fmpass.codecs.stage import Hardware

HARDWARE = Hardware(
    words_per_cycle=1.0,
    startup_cycles=None,
    encoder_kge=2.8,
    decoder_kge=3.0,
    line_buffer="one group of words on each side",
    source="Cavigelli et al., JETCAS 2019 (arXiv 1908.11645): 8-bit words, block 8, 65 nm, 600 MHz",
)
