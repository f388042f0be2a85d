"""Original against rewritten model.

Public names: `verify` and `compare` with `VerifyOptions`, `VerifyReport`, `NotRun`; `input_specs` for the data readers.
"""

from fmpass.measure.inputs import input_specs
from fmpass.measure.result import EdgeResult, NotRun, OutputResult, VerifyReport
from fmpass.measure.verify import VerifyOptions, compare, verify

__all__ = ["EdgeResult", "NotRun", "OutputResult", "VerifyOptions", "VerifyReport", "compare", "input_specs", "verify"]
