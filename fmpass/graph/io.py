"""Models in and out: a path, a ModelProto, an onnx_ir.Model or a graphsurgeon Graph, given back as what came in.

A file is read without its external data. What is written is the source proto with the changes of the passes patched in
(patch.py), so everything that onnx_ir does not carry (sparse initializers, training information, the order of
value_info …) survives untouched.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from fmpass.errors import EnvironmentFailure, UnsupportedModel, UsageError
from fmpass.graph import files, patch, sound
from fmpass.graph.walk import proto_function_scopes, proto_scopes

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir

Kind = Literal["path", "proto", "ir", "graphsurgeon"]
AnyModel = Any
"""A path (str or os.PathLike), onnx.ModelProto, onnx_ir.Model or onnx_graphsurgeon.Graph."""


@dataclass(slots=True)
class LoadedModel:
    """A model on its way through the passes. `model` is ours to change; what the caller gave is never changed.

    `source` is the proto it was read from (None for an onnx_ir.Model), `origin` its nodes by onnx_ir node.
    """

    model: ir.Model
    kind: Kind
    path: Path | None = None
    source: onnx.ModelProto | None = None
    origin: dict[ir.Node, onnx.NodeProto] = field(default_factory=dict)
    modified: bool = False

    @property
    def where(self) -> str:
        """What to call the model in messages."""
        return self.path.name if self.path else self.model.graph.name or "the model"

    def to_proto(self) -> onnx.ModelProto:
        """The model as it stands, as a proto of its own."""
        if self.source is None:
            return patch.from_ir(self.model)
        if not self.modified:
            return self.source
        return patch.patched(self.source, self.model, self.origin)

    def give_back(self) -> AnyModel:
        """The model as the kind that came in; one from a path comes back as a ModelProto."""
        if self.kind == "ir":
            return self.model
        proto = self.to_proto()
        if self.kind == "graphsurgeon":
            from fmpass.graph import graphsurgeon

            return graphsurgeon.from_proto(proto)
        return proto

    def branch(self) -> LoadedModel:
        """A model that starts where this one stands and goes its own way."""
        if self.source is None:
            return LoadedModel(self.model.clone(), self.kind, self.path, modified=True)
        copy = _from_proto(self.to_proto(), self.kind, self.path)
        copy.modified = True
        return copy

    def save(self, output: str | os.PathLike[str]) -> Path:
        """Write the model to `output`, all of it or nothing.

        An unchanged file keeps its bytes. External data stays where it is when `output` is in the same directory, else
        it is copied beside it under the same relative location. Raises EnvironmentFailure FM50x.
        """
        target = Path(output)
        for folder, locations in self._external_files().items():
            files.place_external_data(locations, folder, target)
        if self.path is not None and not self.modified:
            files.copy(self.path, target)
        else:
            files.write_model(self.to_proto(), target)
        return target

    def write_to(self, stream: IO[bytes]) -> None:
        """Write the model to `stream`; external data stays where it is. Raises UnsupportedModel FM145 above 2 GB."""
        if self.path is not None and not self.modified:
            stream.write(self.path.read_bytes())
            return
        proto = self.to_proto()
        if files.inline_nbytes(proto) > files.INLINE_LIMIT:
            problem = "it is larger than 2 GiB and cannot go through a pipe"
            raise UnsupportedModel("FM145", where=self.where, problem=problem, hint="write to a file with -o")
        stream.write(proto.SerializeToString(deterministic=True))

    def hidden_names(self) -> tuple[str, ...]:
        """Value names that the file uses and `model` does not know: sparse initializers, stale value_info."""
        if self.source is None:
            return ()
        names = [s.values.name for s in self.source.graph.sparse_initializer]
        graphs = [*proto_scopes(self.source), *proto_function_scopes(self.source)]
        return (*names, *(info.name for _, graph in graphs for info in graph.value_info))

    def _external_files(self) -> dict[Path, list[str]]:
        """Folder → locations of external data in it. A ModelProto does not say where its own data lies."""
        import onnx_ir as ir

        found: dict[Path, dict[str, None]] = {}
        if self.source is not None and self.path is not None:
            locations = dict.fromkeys(e.location for e in files.external_tensors(self.source))
            return {self.path.parent: list(locations)} if locations else {}
        for value in self.model.graph.initializers.values() if self.kind == "ir" else ():
            tensor = value.const_value
            if isinstance(tensor, ir.ExternalTensor):
                found.setdefault(Path(tensor.base_dir), {})[str(tensor.location)] = None
        return {folder: list(locations) for folder, locations in found.items()}


def load(model: AnyModel) -> LoadedModel:
    """Read a model of any of the four kinds; one that is loaded already is given back as it is.

    Raises UnsupportedModel FM10x, or UsageError FM022 for anything else.
    """
    if isinstance(model, LoadedModel):
        return model
    if isinstance(model, (str, os.PathLike)):
        return load_path(Path(os.fspath(model)))
    import onnx
    import onnx_ir as ir

    if isinstance(model, onnx.ModelProto):
        return _from_proto(model, "proto", None)
    if isinstance(model, ir.Model):
        return LoadedModel(model.clone(), "ir")
    if type(model).__module__.partition(".")[0] == "onnx_graphsurgeon":
        from fmpass.graph import graphsurgeon

        return _from_proto(graphsurgeon.to_proto(model), "graphsurgeon", None)
    raise UsageError(
        "FM022",
        where=type(model).__name__,
        problem="is not a model",
        hint="give a path, onnx.ModelProto, onnx_ir.Model or onnx_graphsurgeon.Graph",
    )


def load_path(path: Path) -> LoadedModel:
    """Read an .onnx file without its weights in external files. Raises UnsupportedModel FM100 … FM105, FM500."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnsupportedModel(
            "FM100", where=str(path), problem="there is no such file", hint="check the path"
        ) from None
    except IsADirectoryError:
        raise UnsupportedModel(
            "FM100", where=str(path), problem="is a directory", hint="name the .onnx file in it"
        ) from None
    except OSError as error:
        raise EnvironmentFailure(
            "FM500", where=str(path), problem=f"cannot be read: {error.strerror}", hint="check permissions"
        ) from None
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except DecodeError:
        raise _unreadable(path, data) from None
    if not proto.ir_version and not proto.HasField("graph"):
        raise _unreadable(path, b"")
    del data
    files.check_external_data(proto, path)
    return _from_proto(proto, "path", path)


def _unreadable(path: Path, data: bytes) -> UnsupportedModel:
    # every ModelProto writer puts ir_version, field 1 of type varint, first
    if data[:1] == b"\x08":
        return UnsupportedModel(
            "FM102", where=str(path), problem="the file is truncated or damaged", hint="export or download it again"
        )
    return UnsupportedModel(
        "FM101", where=str(path), problem="is not an ONNX file", hint="give a model saved by onnx.save or an exporter"
    )


def _from_proto(proto: onnx.ModelProto, kind: Kind, path: Path | None) -> LoadedModel:
    import onnx
    import onnx_ir as ir

    where = str(path) if path else proto.graph.name or "model"
    if proto.ir_version > onnx.IR_VERSION:
        raise EnvironmentFailure(
            "FM541",
            where=where,
            problem=f"IR version {proto.ir_version} is newer than {onnx.IR_VERSION}, "
            f"the newest that onnx {onnx.__version__} knows",
            hint="install newer onnx and onnxruntime, or export with an older IR version",
        )
    if not proto.graph.node:
        raise UnsupportedModel(
            "FM105", where=where, problem="the graph has no nodes", hint="there is nothing to rewrite"
        )
    sparse = patch.sparse_constant(proto.graph)
    if sparse is not None:
        raise UnsupportedModel(
            "FM106",
            where=f"node {sparse.name or sparse.op_type!r} of {where}",
            problem="a Constant holds a sparse tensor",
            hint="turn it into a dense Constant or an initializer",
        )
    sound.check(proto, where)
    try:
        model = ir.from_proto(proto)
    except (ir.serde.SerdeError, ValueError, KeyError) as error:
        problem = " ".join(str(error).split())[:200]
        raise UnsupportedModel(
            "FM107", where=where, problem=f"the graph cannot be read: {problem}", hint="run onnx.checker on it"
        ) from None
    if path is not None:
        ir.external_data.set_base_dir(model.graph, path.parent)
    return LoadedModel(model, kind, path, proto, patch.origins(model, proto))
