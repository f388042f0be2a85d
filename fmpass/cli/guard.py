"""What stands between a command and the shell: exit codes, error texts, Ctrl-C, broken pipes."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from fmpass.errors import EnvironmentFailure, FmpassError, UsageError

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED, TERMINATED, BROKEN_PIPE = 130, 143, 141


def guarded(words: list[str]) -> int:
    """Run one command line and turn whatever happens into an exit code and at most one message."""
    _end_cleanly_on_sigterm()
    try:
        return _run(words)
    except BrokenPipeError:  # the reader has left
        _drop_stdout()
        return BROKEN_PIPE


def _run(words: list[str]) -> int:
    from fmpass.cli.output import print_error, print_internal

    try:
        from fmpass.cli.app import dispatch

        code = dispatch(words)
        _flush_results()
        return code
    except FmpassError as error:
        failure = error
    except BrokenPipeError:
        raise
    except OSError as error:
        failure = of_os_error(error)
        if failure is None:
            return print_internal(words, error)
    except MemoryError:
        failure = EnvironmentFailure("FM593", problem="not enough memory", hint="smaller --batch or fewer samples")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return print_internal(words, error)
    try:
        print_error(words, failure)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError:  # --json, and stdout is what fails
        _drop_stdout()
        print_error([], failure)
    return failure.exit_code


def _flush_results() -> None:
    """Write out what was printed while a full disk can still be told."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _drop_stdout()
        raise OSError(error.errno, error.strerror, "stdout") from None


def _drop_stdout() -> None:
    """Python flushes once more at exit and would complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def of_os_error(error: OSError) -> FmpassError | None:
    """The message for an error of the file system, None where it is no such thing."""
    place = str(error.filename2 or error.filename or "")
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return UsageError("FM095", where=place, problem="no such file or folder", hint="check the path")
        case errno.EISDIR:
            return UsageError("FM096", where=place, problem="is a folder, a file is wanted", hint="name a file")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            problem, hint = f"no permission ({_reason(error)})", "change the rights or choose another place with -o"
            return EnvironmentFailure("FM590", where=place, problem=problem, hint=hint)
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            problem, hint = f"cannot write: {_reason(error)}", "free some space or choose another place with -o"
            return EnvironmentFailure("FM591", where=place, problem=problem, hint=hint)
        case None:
            return None
        case _:
            hint = "check the disk and the path"
            return EnvironmentFailure("FM592", where=place, problem=_reason(error), hint=hint)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _end_cleanly_on_sigterm() -> None:
    """Let temporary files be removed when a scheduler ends the process."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)
