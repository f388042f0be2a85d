"""Hardware of `huffman`: no published figure for this block format."""

from __future__ import annotations

from fmpass.codecs.stage import Hardware

HARDWARE = Hardware(
    words_per_cycle=None,
    startup_cycles=None,
    encoder_kge=None,
    decoder_kge=None,
    line_buffer="one block: its bytes are counted before any is coded",
    source="none known for this format",
)
