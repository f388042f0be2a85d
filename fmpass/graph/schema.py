"""The two operators as onnx sees them: what the checker and the shape inference need to know.

Registered when asked for, since a registration is for the whole process. The names begin with Fm for a reason: a
second schema called `Compress`, in whatever domain, makes `import onnx.reference` fail.

Input `gate` of FmDecompress is the first of its variadic inputs, here and in onnxruntime. An optional input in front of
a variadic one raises the least number of inputs to two, and onnxruntime 1.18 gives the output the type of an optional
gate (docs/runtimes.md). A node with resident data and nothing to wait for names its payload as gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fmpass.dtypes import DTYPES

if TYPE_CHECKING:
    from onnx.defs import OpSchema

DOMAIN = "ai.fmpass"
VERSION = 1
COMPRESS = "FmCompress"
DECOMPRESS = "FmDecompress"
DEFAULT_BLOCK = 0
FORM = f"{DOMAIN}.form"
"""Key in the model's metadata. Absent where the file has pairs and nothing else."""
PORTABLE = "portable"
EMULATED = "emulated"

_ONNX_NAMES = {"float32": "float", "float64": "double"}


def register_schemas() -> None:
    """Make FmCompress and FmDecompress known to onnx.checker and onnx.defs. Any number of calls is one."""
    from onnx import defs

    for schema in (_compress(), _decompress()):
        if not defs.has(schema.name, domain=DOMAIN):
            defs.register_schema(schema)


def _carried() -> list[str]:
    return [f"tensor({_ONNX_NAMES.get(d.name, d.name)})" for d in DTYPES]


def _anything() -> list[str]:
    return [*_carried(), "tensor(string)", "tensor(complex64)", "tensor(complex128)"]


def _compress() -> OpSchema:
    from onnx.defs import OpSchema

    return OpSchema(
        COMPRESS,
        DOMAIN,
        VERSION,
        "Code a tensor into a self-describing payload (docs/format.md).",
        inputs=[
            OpSchema.FormalParameter("X", "T", "the tensor"),
            _variadic("resident", "calibrated data of the chain"),
        ],
        outputs=[
            OpSchema.FormalParameter("payload", "tensor(uint8)", "the payload, of one dimension"),
            OpSchema.FormalParameter("near", "T", "X again, for near consumers", param_option=_options().Optional),
        ],
        type_constraints=[("T", _carried(), "types that travel"), ("R", _anything(), "any type")],
        attributes=[
            *_common_attributes(),
            _with_default("block", DEFAULT_BLOCK, "words in a block, 0 for the default of the coder"),
        ],
    )


def _decompress() -> OpSchema:
    from onnx.defs import OpSchema

    kinds = OpSchema.AttrType
    return OpSchema(
        DECOMPRESS,
        DOMAIN,
        VERSION,
        "Restore the tensor of a payload.",
        inputs=[
            OpSchema.FormalParameter("payload", "tensor(uint8)", "what FmCompress gave"),
            _variadic("rest", "gate, a tensor to wait for that is never read; then calibrated data of the chain"),
        ],
        outputs=[OpSchema.FormalParameter("Y", "T", "the tensor")],
        type_constraints=[("T", _carried(), "types that travel"), ("R", _anything(), "any type")],
        attributes=[
            *_common_attributes(),
            OpSchema.Attribute("dtype", kinds.INT, "TensorProto.DataType of Y"),
            OpSchema.Attribute("shape", kinds.INTS, "dims of Y, -1 where unknown", required=False),
        ],
    )


def _common_attributes() -> list[Any]:
    from onnx.defs import OpSchema

    kinds = OpSchema.AttrType
    return [
        OpSchema.Attribute("chain", kinds.STRING, "canonical chain text"),
        OpSchema.Attribute("edge", kinds.STRING, "name of the edge, for messages", required=False),
    ]


def _with_default(name: str, default: int, text: str) -> Any:
    from onnx import helper
    from onnx.defs import OpSchema

    return OpSchema.Attribute(name, helper.make_attribute(name, default), text)


def _variadic(name: str, text: str) -> Any:
    from onnx.defs import OpSchema

    return OpSchema.FormalParameter(
        name, "R", text, param_option=_options().Variadic, is_homogeneous=False, min_arity=0
    )


def _options() -> Any:
    from onnx.defs import OpSchema

    return OpSchema.FormalParameterOption
