"""Readers of `--data`: arrays, image folders, generated values, functions and iterables; all stream.

Public names: `open_data(source, inputs, options) -> Samples`, `DataOptions`, `InputSpec`, `Samples`.
"""

from fmpass.data.samples import Feed, Samples
from fmpass.data.signature import InputSpec
from fmpass.data.source import DataOptions, open_data

__all__ = ["DataOptions", "Feed", "InputSpec", "Samples", "open_data"]
