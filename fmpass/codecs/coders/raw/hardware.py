"""Hardware of `raw`: wires."""

from __future__ import annotations

from fmpass.codecs.stage import Hardware

HARDWARE = Hardware(
    words_per_cycle=None,
    startup_cycles=0,
    encoder_kge=0.0,
    decoder_kge=0.0,
    line_buffer="none",
    source="no circuit: as many words a cycle as the bus is wide",
)
