"""What a model is fed with: `--data`, or generated inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fmpass.cli.options import dims

if TYPE_CHECKING:
    from fmpass.cli.options import DataFlags
    from fmpass.data import Samples
    from fmpass.graph.io import AnyModel


def feeds(model: AnyModel, flags: DataFlags, generated: int = 1) -> Samples:
    """The samples of `--data`, else `generated` feeds of seeded values in the model's shapes, unset dimensions 1.

    Raises UsageError FM03x for data that does not fit, FM097 for flags of data that is not given.
    """
    from fmpass.data import DataOptions, open_data
    from fmpass.measure.inputs import input_specs

    if flags.preprocess is not None and flags.data is None:
        from fmpass.errors import UsageError

        hint = "add --data FOLDER"
        raise UsageError("FM097", where="--preprocess", problem="needs a folder of images", hint=hint)
    options = DataOptions(batch=flags.batch, preprocess=flags.preprocess, dims=dims(flags.dim))
    return open_data(flags.data or f"random:{generated}", input_specs(model), options)
