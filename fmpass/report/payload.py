"""One payload: what it holds and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from fmpass.dtypes import by_name
from fmpass.report.text import bar, count, number, shape, size

if TYPE_CHECKING:
    from pathlib import Path

    from fmpass.codecs.header import Header


def payload_document(header: Header, output: Path) -> dict[str, Any]:
    """The JSON of `encode` and `decode`. `bpv` is null for a tensor without elements."""
    bits = 8 * header.nbytes
    bpv = bits / header.elements if header.elements else None
    return {
        "output": str(output),
        "chain": header.chain_text,
        "dtype": header.dtype.name,
        "shape": list(header.shape),
        "elements": header.elements,
        "payload_bits": bits,
        "bpv": bpv,
        "ratio_vs_dtype": header.dtype.bits / bpv if bpv else None,
        "blocks": header.blocks,
    }


def payload_view(document: dict[str, Any], verb: str) -> Text:
    """Three lines: the file, the tensor, its cost."""
    bits = by_name(document["dtype"]).bits
    tensor = f"{document['dtype']} {shape(document['shape'])}, {count(document['elements'])} elements"
    share = (document["bpv"] or 0) / bits
    return Text.assemble(
        (f"{verb} ", ""), (document["output"], "cyan"), "\n",
        f"  {tensor}, chain {document['chain']}\n",
        f"  {bar(share, 20)} {number(document['bpv'])} of {bits} bits per element, ",
        f"{size(document['payload_bits'] // 8)} in {count(document['blocks'])} blocks",
    )  # fmt: skip
