"""`fmpass encode X.npy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from fmpass.cli.options import COMMON, Common
from fmpass.cli.output import Output
from fmpass.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def main(
    array: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    chain: str | None = None,
    preset: str | None = None,
    dtype: str | None = None,
    common: Common = COMMON,
) -> int:
    """Write one tensor as a self-contained payload.

    Parameters
    ----------
    array
        A .npy file.
    output
        Default: the same name ending in .fmc.
    chain
        A chain text such as 'quant{bits=8}|zvc'.
    preset
        A chain by its name; `fmpass codecs` lists them.
    dtype
        Element type of a .npy of raw items, which is how numpy stores bfloat16 and fp8.
    """
    from fmpass import codecs
    from fmpass.cli.chains import chosen_chain
    from fmpass.graph.files import write
    from fmpass.report.payload import payload_document, payload_view

    chosen = chosen_chain(chain, preset)
    if chosen is None:
        hint = "for example --chain zvc; `fmpass codecs` lists what there is"
        raise UsageError("FM092", where="fmpass encode", problem="needs --chain or --preset", hint=hint)
    payload = codecs.encode(chosen, _typed(read_array(array), dtype, array), self_contained=True)
    target = output or array.with_suffix(".fmc")
    write(target, lambda file: file.write(payload))
    document = payload_document(codecs.peek(payload), target)
    Output(common).result(document, lambda width: payload_view(document, "wrote"))
    return 0


def read_array(path: Path) -> NDArray[np.generic]:
    """The array of a .npy file. Raises UsageError FM098 where it is none."""
    import numpy as np

    with path.open("rb") as file:
        try:
            return np.lib.format.read_array(file, allow_pickle=False)
        except (ValueError, EOFError) as error:
            problem = f"not a complete .npy file: {error}"
            raise UsageError("FM098", where=str(path), problem=problem, hint="write it with numpy.save") from None


def _typed(array: NDArray[np.generic], dtype: str | None, path: Path) -> NDArray[np.generic]:
    from fmpass.dtypes import by_name

    if dtype is None:
        return array
    wanted = by_name(dtype).numpy
    if array.dtype == wanted:
        return array
    if array.dtype.itemsize != wanted.itemsize:
        problem = f"{path.name} has items of {array.dtype.itemsize} bytes, {dtype} of {wanted.itemsize}"
        raise UsageError("FM093", where="--dtype", problem=problem, hint="name the type that the file really has")
    return array.view(wanted)
