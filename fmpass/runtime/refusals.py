"""onnxruntime's errors as errors for users: who is at fault, where, and what to do next.

The runtime has no stable codes for what goes wrong while it loads a model, so its text decides; a text that is not
known is passed on as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fmpass.errors import EnvironmentFailure, FmpassError, PayloadError, UnsupportedModel

OURS = "ai.fmpass"

_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_OPERATOR = re.compile(r"error\[(FM[135]\d\d)\](?: at (edge '.*?'))?: (.*)", re.DOTALL)
_UNKNOWN_OPERATOR = re.compile(r"(\S+?)[:(]\S*\)? is not a registered function/op")
_NEWER_IR = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
_NEWER_OPSET = re.compile(r"Opset (\d+) is under development and support for this is limited|"
                          r"onnx opset versions?\. Opset (\d+)")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Remedy:
    pattern: re.Pattern[str]
    error: type[FmpassError]
    code: str
    hint: str


_REMEDIES = (
    _Remedy(
        _NEWER_IR, EnvironmentFailure, "FM541", "install a newer onnxruntime, or export the model for an older one"
    ),
    _Remedy(_NEWER_OPSET, EnvironmentFailure, "FM541", "install a newer onnxruntime, or export for an older opset"),
    _Remedy(
        re.compile(r"Type 'tensor\(\w+\)' of \w+ parameter \(.*\) of operator \(Fm\w+\)"),
        EnvironmentFailure,
        "FM543",
        "install onnxruntime 1.21 or newer, or leave edges of this type alone",
    ),
    _Remedy(
        re.compile(r"(?i)cannot get file size|GetFileLength|external (data|initializer)"),
        UnsupportedModel,
        "FM142",
        "put the external data file beside the model, and give the model as a path",
    ),
    _Remedy(
        re.compile(r"(?i)protobuf parsing failed|failed to parse"),
        UnsupportedModel,
        "FM143",
        "the file is no ONNX model or is cut off",
    ),
    _Remedy(
        re.compile(r"(?i)could not find an implementation"),
        UnsupportedModel,
        "FM144",
        "this runtime has no kernel for the operator and type that it names; try another onnxruntime or provider",
    ),
)

_KINDS: dict[str, type[FmpassError]] = {"FM1": UnsupportedModel, "FM3": PayloadError, "FM5": EnvironmentFailure}
_HINTS = {
    "FM146": "write the model again with this release",
    "FM147": "`fmpass codecs` lists the stages and what they accept",
    "FM3": "the payload was changed on its way, or is another edge's",
    "FM5": "see `fmpass doctor`",
}


def translated(error: Exception, where: str) -> FmpassError:
    """The error for users behind an exception of onnxruntime, raised while it loaded or ran `where`.

    What an operator of ours reported keeps its own code and names its edge (FM146, FM147, FM30x, FM52x). Everything
    else is UnsupportedModel FM14x or EnvironmentFailure FM54x.
    """
    text = _PREFIX.sub("", str(error)).strip()
    ours = _OPERATOR.search(text)
    if ours:
        return _from_operator(ours[1], ours[2] or where, ours[3].strip())
    unknown = _UNKNOWN_OPERATOR.search(text)
    if unknown:
        return _unknown_operator(unknown[1], text, where)
    for remedy in _REMEDIES:
        if remedy.pattern.search(text):
            return remedy.error(remedy.code, where=where, problem=f"onnxruntime says: {text}", hint=remedy.hint)
    return UnsupportedModel(
        "FM140", where=where, problem=f"onnxruntime says: {text}", hint="does the original model load?"
    )


def _from_operator(code: str, where: str, text: str) -> FmpassError:
    problem, _, hint = text.partition(" · hint: ")
    hint = hint or _HINTS.get(code) or _HINTS.get(code[:3], "")
    return _KINDS[code[:3]](code, where=where, problem=problem, hint=hint)


def _unknown_operator(domain: str, text: str, where: str) -> FmpassError:
    if domain == OURS:
        return EnvironmentFailure(
            "FM542",
            where=where,
            problem="onnxruntime does not know the operators of fmpass",
            hint="open it with fmpass.make_session, or register fmpass.get_library_path() in the session options",
        )
    return UnsupportedModel(
        "FM141",
        where=where,
        problem=f"onnxruntime says: {text}",
        hint="register the library of these operators in the session options and pass them on",
    )
