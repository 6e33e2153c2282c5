"""A gallery: pictures of a part of a probe set, and an index that tells all about them.

It holds what a page needs to show probes and what models made of them, without rendering
anything or knowing how probes are made.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from harness.atomic import sweep, write_atomic
from harness.canonical import slug
from harness.errors import count
from harness.sample import Dataset, Sample

from .achieved import Achieved, measured
from .contents import Content
from .forked import forked, ladders
from .gallery_choice import HOW, KINDS, area_of, chosen, family_of, kind_of, ladder_of
from .gallery_pictures import LONG_SIDE, Layer, layer, photograph
from .measures.null import PERCENT
from .render import Recipe, pristine
from .sensitivity import unit_ids

INDEX = "index.json"
SCHEMA = 1
_PICTURES = "pictures"


def write_gallery(dataset: Dataset, out: Path, per: int = 1, workers: int | None = None) -> int:
    """Write pictures of a part of ``dataset`` (see ``chosen``) and their index; the bytes of all.

    The same set gives the same bytes with the same libraries. Pictures of an earlier gallery that
    this one lacks are removed. Raises ValueError for a set without probes, and if ``out`` has an
    index of something else.
    """
    earlier = _earlier(out)
    samples = chosen(filter(_may_be_shown, dataset.samples), per)
    layers = _layers(samples, workers)
    contents = {s.content: s.source for s in samples if isinstance(s.source, Recipe)}
    pristine_ids = {s.content: s.reference for s in samples}
    files = {_file(name): photograph(contents[name]) for name in sorted(contents)}
    files |= {_file(sample.id): layers[sample.id].picture for sample in samples}
    known = measured(samples, workers)
    index = {
        "schema": SCHEMA,
        "dataset": {
            "name": dataset.name,
            "images_hash": dataset.images_hash,
            "n_probes": len(dataset.samples),
        },
        "chosen": f"{count(len(samples), 'probe')} of {len(dataset.samples)}. {HOW}"
        + (f" Of each cell {per} ladders." if per > 1 else ""),
        "attribution": _attribution([contents[name].content for name in sorted(contents)]),
        "kinds": {kind: KINDS[kind] for kind in dict.fromkeys(map(kind_of, samples))},
        "contents": {
            name: {"pristine": pristine_ids[name], **_about(contents[name].content)}
            for name in sorted(contents)
        },
        "probes": [_entry(s, layers[s.id], known[s.id]) for s in samples],
        # With these a response and the limit of detection follow from the scores of a record.
        "unit": unit_ids(dataset.samples),
        "null": {"percent": PERCENT, **_null(dataset)},
    }
    files[INDEX] = (json.dumps(index, indent=1, ensure_ascii=False) + "\n").encode()
    (out / _PICTURES).mkdir(parents=True, exist_ok=True)
    for folder in (out, out / _PICTURES):
        sweep(folder)
    for name, data in files.items():  # the index last
        write_atomic(out / name, data)
    for name in earlier - files.keys():
        (out / name).unlink(missing_ok=True)
    return sum(map(len, files.values()))


def _layers(samples: Sequence[Sample], workers: int | None) -> dict[str, Layer]:
    found: dict[str, Layer] = {}
    with tqdm(desc="drawing", total=len(samples), unit="probe", delay=2, leave=False) as bar:
        for group, results in forked(_draw, ladders(samples), workers):
            found.update(zip((sample.id for sample in group), results, strict=True))
            bar.update(len(group))
    return found


def _draw(samples: Sequence[Sample]) -> list[Layer]:
    return [layer(sample.source) for sample in samples if isinstance(sample.source, Recipe)]


def _entry(sample: Sample, drawn: Layer, did: Achieved) -> dict[str, Any]:
    """All that is told of a probe; ``area`` is that of the mask, ``damaged`` of what is inside."""
    first = sample.damages[-1 if kind_of(sample) == "two-draws" else 0]
    mask = json.loads(first.mask or "{}")
    places = {name: sample.fact(name) or mask.get(name, "whole") for name in ("shape", "placement")}
    return {
        "id": sample.id,
        "ladder": ladder_of(sample),
        "kind": kind_of(sample),
        "control": sample.fact("control"),
        "content": sample.content,
        "types": [damage.type for damage in sample.damages],
        "family": family_of(sample),
        "severity": first.severity,
        "area": str(area_of(sample)),
        "damaged": round(drawn.damaged, 6),
        **places,
        "feather": first.feather,
        "seed": first.seed,
        "local_psnr": None if did.mse == 0 else round(did.local_psnr, 3),
        "local_ssim": round(did.local_ssim, 4),
        "delta_e": round(did.delta_e, 3),
        "visible": sample.fact("visible") != "no",
        "changed": did.mse > 0,
        "file": _file(sample.id),
        "outlines": drawn.outlines,
    }


def _may_be_shown(sample: Sample) -> bool:
    """Whether the owner of the photograph has stated what may be done with it."""
    source = sample.source
    return not (isinstance(source, Recipe) and source.content.license.startswith("none stated"))


def _about(content: Content) -> dict[str, Any]:
    """Of a photograph; of a folder only its name: where it lies is nobody else's matter."""
    height, width = pristine(content).shape[1:]
    return {
        "file": _file(content.id),
        "width": width,
        "height": height,
        "source": Path(content.source).name,
        "license": content.license,
    }


def _attribution(contents: Sequence[Content]) -> str:
    told = (f"{c.id}: {c.license}, from {Path(c.source).name}" for c in contents)
    return (
        f"Photographs: {'; '.join(told)}. Reduced to at most {LONG_SIDE} pixels, compressed as "
        "WebP, and damaged as told."
    )


def _null(dataset: Dataset) -> dict[str, Any]:
    """Harmless changes and the pristine picture by content, also of those that are not shown."""
    samples = [sample for sample in dataset.samples if sample.fact("role") == "harmless"]
    ids: dict[str, list[str]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.id):
        ids[sample.content].append(sample.id)
    pristine = {sample.content: sample.reference for sample in samples}
    return {"ids": dict(sorted(ids.items())), "pristine": dict(sorted(pristine.items()))}


def _file(name: str) -> str:
    return f"{_PICTURES}/{slug(name)}.webp"


def _earlier(out: Path) -> set[str]:
    """The pictures that the index in ``out`` names, if it has one."""
    path = out / INDEX
    if not path.is_file():
        return set()
    try:
        index: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        told = [*index["contents"].values(), *index["probes"]]
        names = {str(each["file"]) for each in told}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not the index of a gallery; give another --out") from error
    return {name for name in names if name == f"{_PICTURES}/{Path(name).name}"}
