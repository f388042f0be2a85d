"""Errors for users: a stable code, the place, what is wrong and what to do next."""

from __future__ import annotations


class FmpassError(Exception):
    """Base of every error that fmpass raises on purpose.

    `code` is stable (docs/errors.md lists all), `where` names the file, node, edge or byte, `hint` is the remedy.
    `exit_code` is what the command line ends with.
    """

    exit_code = 1

    def __init__(self, code: str, *, problem: str, where: str = "", hint: str = "") -> None:
        self.code = code
        self.where = where
        self.problem = problem
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f" at {self.where}" if self.where else ""
        hint = f" · hint: {self.hint}" if self.hint else ""
        return f"error[{self.code}]{place}: {self.problem}{hint}"


class UsageError(FmpassError):
    """FM0xx: what was asked for does not exist or does not fit together (flags, chains, globs, data)."""

    exit_code = 2


class NothingToGain(FmpassError):
    """FM2xx: there is no edge to compress; nothing was written."""

    exit_code = 3


class UnsupportedModel(FmpassError):
    """FM1xx: the model cannot be read or has a part that cannot be rewritten."""

    exit_code = 4


class PayloadError(FmpassError):
    """FM3xx: bytes that are not a valid payload: truncated, corrupted, or lying about their shape."""

    exit_code = 5


class VerificationFailed(FmpassError):
    """FM4xx: the rewritten model does not compute what was promised."""

    exit_code = 5


class EnvironmentFailure(FmpassError):
    """FM5xx: library missing, runtime too old, no permission, disk full."""

    exit_code = 6
