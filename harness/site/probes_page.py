"""The page to browse probes: pictures, masks, and what each model made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ..collection.board import PROBES, Board
from .pages import render
from .probe_gallery import COMMAND, Gallery, read_gallery
from .probe_scores import Seen, elsewhere, seen

# What can be chosen from: the field of a probe, its title.
_FILTERS = (
    ("family", "Family"),
    ("type", "Type"),
    ("kind", "Kind"),
    ("severity", "Severity"),
    ("area", "Area"),
    ("content", "Photograph"),
    ("placement", "Placement"),
)


def probes_page(board: Board) -> dict[str, bytes]:
    """``probes.html`` and its pictures; without a gallery the page tells how to make one.

    Raises ValueError for a gallery that cannot be read.
    """
    frame: dict[str, Any] = {"root": "", "active": "probes"}
    if board.probes is None:
        command = f"{COMMAND} results/{PROBES}"
        return {"probes.html": render("probes.html.j2", **frame, gallery=None, command=command)}
    gallery = read_gallery(board.probes)
    models = seen(board, gallery)
    probes = [_probe(probe, gallery) for probe in gallery.probes]
    page = render(
        "probes.html.j2",
        **frame,
        gallery=gallery,
        probes=probes,
        filters=[(name, title, _levels(probes, name)) for name, title in _FILTERS],
        models=models,
        elsewhere=elsewhere(board, gallery),
        notes=_notes(models),
        data={
            "probes": [
                {k: p[k] for k in ("id", "content", "title", "caption", "facts")} for p in probes
            ],
            "models": [_model(each) for each in models],
        },
    )
    pictures = {f"pictures/probes/{_name(file)}": d for file, d in gallery.pictures.items()}
    return {"probes.html": page, **pictures}


def _probe(probe: Mapping[str, Any], gallery: Gallery) -> dict[str, Any]:
    """A probe in words: what it can be chosen by, its caption, title and facts."""
    photograph = gallery.contents[probe["content"]]
    types = list(dict.fromkeys(probe["types"]))
    severity = probe["severity"]
    level = "" if severity is None else f"severity {severity:.3g}"
    whole = Fraction(probe["area"]) == 1
    area = "whole frame" if whole else probe["area"]
    return {
        "id": probe["id"],
        "ladder": probe["ladder"],
        "type": types,
        "family": probe["family"],
        "kind": probe["kind"],
        "severity": "none" if severity is None else f"{severity:.0f}",
        "area": probe["area"],
        "content": probe["content"],
        "placement": probe["placement"],
        "title": " + ".join(types),
        "caption": ", ".join(filter(None, [area, level, probe["content"]])),
        "alt": f"{' + '.join(types)}, {area}, {probe['content']}",
        "note": "" if probe["kind"] == "plain" else probe["kind"],
        "picture": f"pictures/probes/{_name(probe['file'])}",
        "pristine": f"pictures/probes/{_name(photograph['file'])}",
        "width": photograph["width"],
        "height": photograph["height"],
        "outlines": probe["outlines"],
        "facts": _facts(probe, photograph, gallery.kinds),
    }


def _facts(
    probe: Mapping[str, Any], photograph: Mapping[str, Any], kinds: Mapping[str, str]
) -> list[tuple[str, str]]:
    kind, severity = probe["kind"], probe["severity"]
    psnr = probe["local_psnr"]
    damaged = f"{probe['area']}; {100 * probe['damaged']:.3g} % of the pixels damaged"
    damage = f"{probe['local_ssim']:.3f} SSIM, {probe['delta_e']:.2f} CIEDE2000"
    seldom = "" if probe["visible"] else "; counts as a change that nobody can see"
    return [
        ("Kind", f"{kind}: {kinds[kind]}"),
        ("Family", probe["family"]),
        ("Severity", "none" if severity is None else f"{severity:.3g} of 5"),
        ("Area of the mask", damaged),
        ("Shape, placement", f"{probe['shape']}, {probe['placement']}"),
        ("Edge", f"fades over {probe['feather']:g} pixels" if probe["feather"] else "hard"),
        ("Damage inside", "none: every pixel is as it was" if psnr is None
         else f"{psnr:.1f} dB PSNR, {damage}{seldom}"),
        ("Photograph", f"{probe['content']}, {photograph['width']} × {photograph['height']}; "
         f"{photograph['license']}; from {photograph['source']}"),
        ("Seed", str(probe["seed"])),
        ("Id", probe["id"]),
    ]  # fmt: skip


def _levels(probes: Sequence[Mapping[str, Any]], name: str) -> list[tuple[str, int]]:
    """The levels of a filter with how many probes have each; numbers rise."""
    counts: Counter[str] = Counter()
    for probe in probes:
        counts.update(probe[name] if name == "type" else [probe[name]])
    return sorted(counts.items(), key=lambda item: _place(name, item[0]))


def _place(name: str, level: str) -> tuple[float, str]:
    number = name in ("area", "severity") and level != "none"
    return (float(Fraction(level)) if number else 0.0, level)


def _model(each: Seen) -> dict[str, Any]:
    return {
        "label": each.subject.label,
        "page": f"models/{each.subject.slug}.html",
        "marks": [mark for mark in each.marks if not mark.startswith("few contents")],
        "responses": [None if r is None else _short(r) for r in each.responses],
        "limits": {name: _short(limit) for name, limit in each.limits.items()},
    }


def _notes(models: Sequence[Seen]) -> list[tuple[str, list[str]]]:
    """Each note with the models that it is about."""
    notes: dict[str, list[str]] = {}
    for each in models:
        for note in each.notes:
            notes.setdefault(note, []).append(each.subject.label)
    return list(notes.items())


def _short(value: float) -> float:
    """As many digits as comparisons on the page may need."""
    return float(f"{value:.6g}")


def _name(file: str) -> str:
    return file.rpartition("/")[2]
