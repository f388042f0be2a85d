"""Files on disk: all or nothing, and external data that is referred to or copied, never loaded."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from tempfile import mkstemp
from typing import IO, TYPE_CHECKING

from fmpass.errors import EnvironmentFailure, UnsupportedModel

if TYPE_CHECKING:
    import onnx

INLINE_LIMIT = 1_900_000_000
"""Bytes above which weights go to an external file: protobuf refuses messages of 2 GiB and more."""

SMALLEST_EXTERNAL = 1024
"""Initializers smaller than this stay inline: shape inference reads them."""

_CHUNK = 16 << 20
_FICLONE = 0x40049409
"""Linux: make one file share the blocks of another, copy on write."""


@dataclass(frozen=True, slots=True)
class ExternalTensor:
    """Where a tensor's bytes lie. `nbytes` is None where the file does not say how many there are."""

    tensor: str
    location: str
    offset: int
    nbytes: int | None


def external_tensors(proto: onnx.ModelProto) -> Iterator[ExternalTensor]:
    """Every tensor with external data, bodies, attributes and functions included, in file order."""
    for tensor in _tensors(proto):
        if tensor.data_location == tensor.EXTERNAL:
            entries = {e.key: e.value for e in tensor.external_data}
            length = entries.get("length")
            yield ExternalTensor(
                tensor.name,
                entries.get("location", ""),
                _number(tensor, "offset", entries.get("offset", "0")),
                _number(tensor, "length", length) if length else None,
            )


def _number(tensor: onnx.TensorProto, key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise UnsupportedModel(
            "FM103",
            where=f"tensor {tensor.name!r}",
            problem=f"the {key} of its external data is {text[:40]!r}, not a number of bytes",
            hint="save the model again with its data beside it",
        )
    return int(text)


def check_external_data(proto: onnx.ModelProto, path: Path) -> None:
    """Raises UnsupportedModel FM103 where an external file is missing, too short or outside the model's directory."""
    sizes: dict[str, int] = {}
    for external in external_tensors(proto):
        where = f"tensor {external.tensor!r} of {path.name}"
        if external.location not in sizes:
            parts = PurePosixPath(external.location)
            if not parts.parts or parts.is_absolute() or ".." in parts.parts or "\0" in external.location:
                raise UnsupportedModel(
                    "FM103",
                    where=where,
                    problem=f"external data location {external.location!r} is not a path below the model's directory",
                    hint="save the model again with its data beside it",
                )
            file = path.parent / external.location
            try:
                found = file.stat()
            except OSError:
                found = None
            if found is None or not S_ISREG(found.st_mode):
                raise UnsupportedModel(
                    "FM103",
                    where=where,
                    problem=f"its external data file {external.location!r} is missing",
                    hint=f"put it into the directory of {path.name}",
                )
            sizes[external.location] = found.st_size
        if external.offset + (external.nbytes or 0) > sizes[external.location]:
            raise UnsupportedModel(
                "FM103",
                where=where,
                problem=f"external data file {external.location!r} is too short: {sizes[external.location]} bytes",
                hint="the file is truncated; copy it again",
            )


def place_external_data(locations: list[str], source_dir: Path, target: Path) -> None:
    """Make external data reachable from `target` under the same relative locations, without loading it.

    In the same directory it stays where it is. Elsewhere it is copied, sharing its blocks where the file system can:
    onnx refuses data files that are links, and a hard link would make it refuse the original model too.
    Raises EnvironmentFailure FM503 where a different file is in the way: it could be the data of another model.
    """
    if not locations or _same(source_dir, target.parent):
        return
    for location in locations:
        origin, wanted = source_dir / location, target.parent / location
        if wanted.exists():
            if _same(origin, wanted) or _equal(origin, wanted):
                continue
            raise EnvironmentFailure(
                "FM503",
                where=str(wanted),
                problem="another file has the name that the external data of this model needs",
                hint="write to another directory, or move that file away",
            )
        with _explained(wanted):
            wanted.parent.mkdir(parents=True, exist_ok=True)
        copy(origin, wanted)


def copy(origin: Path, target: Path) -> None:
    """The same bytes at `target`, streamed. Nothing happens where both are one file."""
    if target.exists() and _same(origin, target):
        return
    with origin.open("rb") as source:
        write(target, lambda out: _copy_blocks(source, out))


def _copy_blocks(source: IO[bytes], out: IO[bytes]) -> None:
    """Copy by sharing blocks (btrfs, XFS), else by streaming what is not a hole."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.ioctl(out.fileno(), _FICLONE, source.fileno())
        return
    size, done = os.fstat(source.fileno()).st_size, 0
    while done < size:
        begin, end = _next_data(source.fileno(), done, size)
        source.seek(begin)
        out.seek(begin)
        while begin < end:
            chunk = source.read(min(_CHUNK, end - begin))
            if not chunk:
                raise OSError(errno.EIO, "the file became shorter while it was copied")
            begin += out.write(chunk)
        done = end
    out.truncate(size)


def _next_data(descriptor: int, offset: int, size: int) -> tuple[int, int]:
    """The next range of a file that is no hole; an empty one at the end."""
    if not hasattr(os, "SEEK_DATA"):
        return offset, size
    try:
        begin = os.lseek(descriptor, offset, os.SEEK_DATA)
        return begin, os.lseek(descriptor, begin, os.SEEK_HOLE)
    except OSError as error:
        return (size, size) if error.errno == errno.ENXIO else (offset, size)


def write(target: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Create or replace `target` with what `fill` writes: either all of it, or the file is as it was before.

    The bytes go to a temporary file in the same directory, are synced and renamed. Raises EnvironmentFailure FM501
    (permission, directory), FM502 (disk full) or FM504 (anything else that the system reports).
    """
    with _explained(target):
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("wb") as out:  # a device or a pipe: renaming would put a file in its place
                fill(out)
            return
        target = Path(os.path.realpath(target))  # a link stays a link
        handle, name = mkstemp(prefix=f".{target.name[:40]}.", suffix=".tmp", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                fill(out)
                out.flush()
                os.fsync(out.fileno())
            temporary.chmod(_mode(target))
            temporary.replace(target)
        except BaseException:  # Ctrl-C too must not leave the temporary file behind
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def write_model(proto: onnx.ModelProto, target: Path) -> None:
    """Serialize and write. Weights that would make the file too large for protobuf go to `NAME.data` beside it."""
    if inline_nbytes(proto) > INLINE_LIMIT:
        proto = _externalized(proto, target)
    data = proto.SerializeToString(deterministic=True)
    write(target, lambda out: out.write(data))


def inline_nbytes(proto: onnx.ModelProto) -> int:
    """Bytes of all tensors that lie inside the file."""
    return sum(len(t.raw_data) or t.ByteSize() for t in _tensors(proto))


def _externalized(proto: onnx.ModelProto, target: Path) -> onnx.ModelProto:
    import onnx

    location = f"{target.name}.data"
    slim = onnx.ModelProto()
    slim.CopyFrom(proto)
    moved = [t for t in slim.graph.initializer if len(t.raw_data) >= SMALLEST_EXTERNAL]

    def fill(out: IO[bytes]) -> None:
        for tensor in moved:
            offset, nbytes = out.tell(), out.write(tensor.raw_data)
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in (("location", location), ("offset", offset), ("length", nbytes)):
                tensor.external_data.add(key=key, value=str(value))

    write(target.parent / location, fill)
    return slim


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    from onnx import AttributeProto as kinds

    graphs = [proto.graph]
    nodes = [node for function in proto.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes.extend(graph.node)
        for node in nodes:
            for attribute in node.attribute:
                kind = attribute.type  # one look decides: there are tens of thousands of attributes
                if kind == kinds.TENSOR:
                    yield attribute.t
                elif kind == kinds.GRAPH:
                    graphs.append(attribute.g)
                elif kind == kinds.TENSORS:
                    yield from attribute.tensors
                elif kind == kinds.GRAPHS:
                    graphs.extend(attribute.graphs)
                elif kind == kinds.UNDEFINED and attribute.HasField("t"):
                    yield attribute.t  # files older than the field `type`
        nodes = []


def _mode(target: Path) -> int:
    """The permissions that the file has, or a new one would get; mkstemp gives 0600."""
    try:
        return target.stat().st_mode & 0o7777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:
        return False


def _equal(a: Path, b: Path) -> bool:
    if a.stat().st_size != b.stat().st_size:
        return False
    with a.open("rb") as first, b.open("rb") as second:
        while True:
            x, y = first.read(_CHUNK), second.read(_CHUNK)
            if x != y:
                return False
            if not x:
                return True


@contextlib.contextmanager
def _explained(target: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        where = str(target)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise EnvironmentFailure(
                "FM502",
                where=where,
                problem="the disk is full",
                hint="free some space, or write elsewhere with -o; nothing was written",
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise EnvironmentFailure(
                "FM501", where=where, problem="no permission to write here", hint="choose another place with -o"
            ) from None
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
            raise EnvironmentFailure(
                "FM501",
                where=where,
                problem="cannot be written: the directory does not exist or it is a directory itself",
                hint="create the directory, or choose another place with -o",
            ) from None
        raise EnvironmentFailure(
            "FM504", where=where, problem=f"cannot be written: {error.strerror}", hint="choose another place with -o"
        ) from None
