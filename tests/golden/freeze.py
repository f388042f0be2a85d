"""Freeze payloads of the present encoder: `python tests/golden/freeze.py`. Never changes a case that is there.

Each stage keeps its own cases in its folder (golden/payloads.json), the container's are in tests/golden/container.json.
A case: chain text, element type, shape, payload, the restored tensor and, where that differs, the tensor that was
encoded; bytes in hex, tensors as their words.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "codecs"), str(HERE.parent.parent)]

from codec_cases import CODERS, TRANSFORMS, filled  # noqa: E402
from crans_models import drawn_maps, drawn_model  # noqa: E402

import fmpass.codecs  # noqa: E402
from fmpass.codecs import container  # noqa: E402
from fmpass.codecs.chain import Chain  # noqa: E402
from fmpass.codecs.header import read  # noqa: E402
from fmpass.codecs.stage import MapCoder, Stage, Transform  # noqa: E402
from fmpass.dtypes import DTYPES, by_name  # noqa: E402

Case = dict[str, object]


def case(chain: Chain, dtype_name: str, fill: str, shape: tuple[int, ...], block_words: int, inside: bool) -> Case:
    dtype = by_name(dtype_name)
    tensor = filled(fill, dtype, shape, seed=len(str(chain)))
    payload = container.encode(chain, tensor, block_words, inside)
    restored = container.decode(payload, chain)
    words, back = dtype.to_words(tensor).tobytes().hex(), dtype.to_words(restored).tobytes().hex()
    found: Case = {
        "name": f"{chain} {dtype_name} {fill} {list(shape)} {block_words}{' file' if inside else ''}",
        "chain": str(chain),
        "dtype": dtype_name,
        "shape": list(shape),
        "block_words": block_words,
        "self_contained": inside,
        "payload": payload.hex(),
        "restored": back,
    }
    return found | ({} if words == back else {"tensor": words})


def of_stage(stage: Stage) -> list[Case]:
    if not isinstance(stage, Transform):
        plans = [("uint8", "relu"), ("int8", "ramp"), ("float16", "special"), ("float32", "sparse"), ("int64", "steps")]
        chain = Chain((), stage)
    else:
        plans = [
            ("float32", "ramp"),
            ("float16", "special"),
            ("uint8", "relu"),
            ("int16", "random"),
            ("float64", "steps"),
        ]
        chain = Chain((stage,), Chain.parse("zvc").coder)  # type: ignore[arg-type]
    shape, block_words = ((2, 5, 3, 7), 42) if isinstance(stage, MapCoder) else ((3, 11), 17)
    cases = [
        case(chain, dtype, fill, shape, block_words, False)
        for dtype, fill in plans
        if chain.rejects(by_name(dtype), 2) is None
    ]
    if isinstance(stage, MapCoder) and stage.has_model:  # large enough for a model to pay
        larger = [("uint8", "ramp"), ("int8", "relu"), ("float16", "relu"), ("float32", "ramp")]
        cases += [case(chain, dtype, fill, (2, 18, 9, 20), 1 << 20, False) for dtype, fill in larger]
    if chain.transforms:  # two maps of four channels that are much alike
        maps = (2, 4, 3, 5)
        cases += [
            case(chain, d, "ramp", maps, 64, False) for d in ("uint8", "int32") if not chain.rejects(by_name(d), 4)
        ]
    return cases


def of_container() -> list[Case]:
    zvc = Chain.parse("zvc")
    cases = [case(zvc, d.name, "relu", (5, 7), 32768, False) for d in DTYPES]
    cases += [
        case(zvc, "float32", "special", shape, 4, inside) for shape in ((), (0, 3), (9,)) for inside in (False, True)
    ]
    cases += [case(Chain.parse("quant{axis=0}|ebpc"), "float32", "ramp", (3, 20), 16, True)]
    return cases


def of_lanes() -> list[Case]:
    """Files of crans that carry a drawn model with predictors by lane."""
    cases: list[Case] = []
    for seed, channels, name in ((0, 4, "uint8"), (1, 5, "int8"), (2, 3, "int16"), (5, 3, "uint8"), (9, 20, "int8")):
        dtype, array = by_name(name), drawn_maps(seed, (2, channels, 25, 30), name)
        model = drawn_model(seed, channels, dtype.word_bits // 8).to_bytes()
        payload = container.encode(Chain.parse("crans"), array, None, True, model)
        found: Case = {"name": f"{name} {channels} channels, model {seed}", "dtype": name, "shape": list(array.shape)}
        words = dtype.to_words(array).tobytes()
        if not read(payload).raw.any():  # where it went raw, it would prove nothing
            cases.append(found | {"model": model.hex(), "payload": payload.hex(), "restored": words.hex()})
    return cases


def freeze(path: Path, cases: list[Case]) -> None:
    kept = json.loads(path.read_text()) if path.exists() else []
    names = {old["name"] for old in kept}
    added = [new for new in cases if new["name"] not in names]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(kept + added, indent=1) + "\n")
    print(f"{path}: {len(kept)} kept, {len(added)} added")


def main() -> None:
    codecs = Path(fmpass.codecs.__file__).parent
    for room, stages in (("coders", CODERS), ("transforms", TRANSFORMS)):
        for name in sorted({stage.name for stage in stages}):
            cases = [case for stage in stages if stage.name == name for case in of_stage(stage)]
            freeze(codecs / room / name / "golden" / "payloads.json", cases)
    freeze(HERE / "container.json", of_container())
    freeze(HERE / "crans_by_lane.json", of_lanes())


if __name__ == "__main__":
    main()
