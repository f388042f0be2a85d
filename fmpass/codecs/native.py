"""Placeholder until the library is bound."""
from __future__ import annotations
def available() -> bool:
    return False
