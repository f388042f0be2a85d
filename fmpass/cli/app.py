"""From words to a call: the cyclopts application, and its complaints as usage errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fmpass.cli.commands import COMMANDS, RESERVED, RESERVED_FLAGS, nearest
from fmpass.errors import UsageError

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError


def dispatch(words: list[str]) -> int:
    """Run the command that `words` name and return its exit code. Raises UsageError FM090–FM094."""
    command = words[0]
    if command in RESERVED:
        hint = f"commands there are: {', '.join(COMMANDS)}"
        raise UsageError("FM094", where=f"fmpass {command}", problem="not available in this release", hint=hint)
    if command not in COMMANDS:
        known = [*COMMANDS, *RESERVED, "--help", "--version"]
        hint = f"did you mean {nearest(command, known)!r}? `fmpass --help` lists all"
        raise UsageError("FM090", where=command, problem="no such command", hint=hint)
    for word in words[1:]:
        if word == "--":
            break
        flag = word.split("=", 1)[0]
        if flag in RESERVED_FLAGS.get(command, ()):
            hint = f"`fmpass {command} --help` lists the flags there are"
            raise UsageError("FM094", where=flag, problem="not available in this release", hint=hint)
    from cyclopts import CycloptsError

    words = ["./-" if word == "-" else word for word in words]  # which is not taken for a flag
    try:
        return _app()(words, exit_on_error=False, print_error=False, result_action="return_int_as_exit_code_else_zero")
    except CycloptsError as error:
        raise _usage(error, command) from None


def _app() -> App:
    from cyclopts import App, Parameter

    app = App(
        name="fmpass",
        version_flags=(),
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative=(), show_default=False),
        help_format="plaintext",
    )
    for name in COMMANDS:
        app.command(f"fmpass.cli.{name}:main", name=name, help=COMMANDS[name])
    return app


def _usage(error: CycloptsError, command: str) -> UsageError:
    from cyclopts import MissingArgumentError, UnknownOptionError, UnusedCliTokensError

    hint = f"`fmpass {command} --help` lists the flags"
    if isinstance(error, UnknownOptionError):
        word = (error.token.keyword or error.token.value).split("=", 1)[0]
        known = [name for a in error.argument_collection for name in a.names if name.startswith("-")]
        known += RESERVED_FLAGS.get(command, ())
        hint = f"did you mean {nearest(word, known)}? {hint}"
        return UsageError("FM091", where=word, problem="no such flag", hint=hint)
    text = " ".join(str(error).split())
    code = "FM092" if isinstance(error, (MissingArgumentError, UnusedCliTokensError)) else "FM093"
    return UsageError(code, where=f"fmpass {command}", problem=text, hint=hint)
