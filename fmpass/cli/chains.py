"""`--chain` and `--preset`: two ways to name one thing."""

from __future__ import annotations

from fmpass.errors import UsageError


def chosen_chain(chain: str | None, preset: str | None) -> str | None:
    """Canonical text of the chain that was asked for, None where none was. Raises UsageError FM001 … FM005, FM097."""
    from fmpass.codecs import chain as chains

    if chain is not None and preset is not None:
        hint = "give one of them"
        raise UsageError("FM097", where="--chain and --preset", problem="exclude each other", hint=hint)
    if preset is not None:
        return str(chains.preset(preset))
    return None if chain is None else str(chains.Chain.parse(chain))
