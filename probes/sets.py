"""The probe sets: ``probes-default`` and ``probes-full``, samples made from a plan of the design.

Each ladder becomes one sample an area. What was asked and what was achieved are facts of the
sample; a cell of the plan that cannot be reached is a sample whose source fails with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from harness.canonical import digest
from harness.datasets.kadid10k import KADID10K
from harness.datasets.places import fetched
from harness.sample import Damage, Dataset, Pair, Sample

from .achieved import Achieved, measured
from .calibration import calibrated
from .contents import LABELED, Content, embedded, folder
from .coverage_probes import coverage_probes
from .design import DESIGN, Design
from .ladders import probes, wanted
from .plans import Ladder, plan
from .render import REQUIRES, Recipe, pixels_hash, pristine

_LICENSE = "of the photographs: see probes/contents.py"


def probes_default(
    root: str | None = None, budget: int = 5_000, seed: int = 0, head: str | None = None
) -> Dataset:
    """About 5,000 probes of the embedded photographs, or of those below a folder.

    Of a folder at most ``Design.max_contents`` photographs are used, drawn by name and seed and
    reduced to ``Design.long_side``. Harmless changes and pristine images come on top. The first
    call calibrates and measures, the next ones remember. ``head`` names the labeled dataset on
    which an encoder's head is fitted; by default KADID-10k if it lies in ``data``, else ``demo``.
    Raises FileNotFoundError for a folder without photographs, ValueError for one that cannot be
    used and for a budget too small.
    """
    return probe_set("probes-default", root, budget, seed, head=head)


def probes_full(
    root: str | None = None, budget: int = 40_000, seed: int = 0, head: str | None = None
) -> Dataset:
    """As probes-default, on eight times as many ladders: for a machine with many cores."""
    return probe_set("probes-full", root, budget, seed, head=head)


def probe_set(
    name: str,
    root: str | None,
    budget: int,
    seed: int,
    design: Design = DESIGN,
    head: str | None = None,
) -> Dataset:
    """The dataset of a plan; see ``probes_default``."""
    contents = photographs(root, design, seed)
    ladders = plan(design, tuple(contents), budget, seed)
    samples = [
        *(sample for content in contents.values() for sample in _harmless(content, design)),
        *_probes(ladders, contents, design, seed),
    ]
    known = measured(samples)
    samples = [_measured(s, known[s.id], design) if s.id in known else s for s in samples]
    pairs = [_pair(sample) for sample in samples]
    pairs += [Pair(c, c, c, c) for c in contents]
    return Dataset(
        name,
        tuple(samples),
        tuple(Sample(c.id, Recipe(c), c.id) for c in contents.values()),
        explicit_pairs=tuple(pairs),
        license=_LICENSE if root is None else "unknown",
        head_dataset=head or _labeled(),
        requires=REQUIRES,
        known_as=LABELED if root is None else (),
    )


def _pair(sample: Sample) -> Pair:
    """What full-reference models compare. A shift moves the scene, thus both pictures: pictures
    that do not lie on each other are no question to a model that compares pixel by pixel."""
    moved = sample.fact("harmless") == "shift"
    return Pair(sample.id, sample.id, sample.id if moved else sample.content, sample.content)


def _labeled() -> str:
    """The labeled set that is here; looks at names of files alone."""
    place = fetched(KADID10K)
    folder = None if place is None else KADID10K.folder(place)
    there = folder and folder.has("dmos.csv") and folder.has("images/i01_01_01.png")
    return KADID10K.name if there else "demo"


def photographs(root: str | None, design: Design, seed: int) -> dict[str, Content]:
    """The photographs to use, by their names: see ``probes_default``.

    One photograph under two names is refused: it would count as two in every mean over contents.
    """
    if root is None:
        found = embedded()
    else:
        found = tuple(
            replace(content, id=_file_name(content.id), long_side=design.long_side)
            for content in _told_apart(folder(Path(root).expanduser()))
        )
        drawn = sorted(found, key=lambda c: digest([seed, c.id]))[: design.max_contents]
        found = tuple(content for content in found if content in drawn)
    names: dict[str, str] = {}  # by pixels
    wrong = [why for content in found if (why := _unusable(content, design, names))]
    if wrong:
        raise ValueError(f"{'; '.join(wrong)}: mend or take out of the folder")
    return {content.id: content for content in found}


def _unusable(content: Content, design: Design, names: dict[str, str]) -> str | None:
    """Why there can be no probes of a photograph; ``names`` are those of others, by pixels."""
    try:
        height, width = pristine(content).shape[1:]
    except ValueError as error:
        return str(error)
    if min(height, width) < design.short_side:
        return (
            f"content {content.id!r} is {width} × {height} pixels, and probes need sides of at "
            f"least {design.short_side}"
        )
    if (name := names.setdefault(pixels_hash(content), content.id)) != content.id:
        return f"contents {name!r} and {content.id!r} are one photograph"
    return None


def _told_apart(contents: Sequence[Content]) -> Sequence[Content]:
    """``contents``, none of which would have another's name in a set. Raises ValueError."""
    taken: dict[str, str] = {}
    for content in contents:
        if (other := taken.setdefault(_file_name(content.id), content.id)) != content.id:
            raise ValueError(
                f"contents {other!r} and {content.id!r} would both be called "
                f"{_file_name(content.id)!r}: rename either"
            )
    return contents


def _file_name(name: str) -> str:
    return name.replace(":", "_")  # a colon would not do in the name of a file


def _harmless(content: Content, design: Design) -> Iterator[Sample]:
    for change, draws in design.harmless:
        for draw in range(draws):
            damage = Damage(change, None, seed=draw)
            yield Sample(
                f"{content.id}/harmless/{change}/{draw}",
                Recipe(content, (damage,)),
                content.id,
                damages=(damage,),
                reference=content.id,
                facts=(
                    *(("role", "harmless"), ("harmless", change)),
                    *(("shape", "whole"), ("placement", "whole")),
                ),
            )


def _probes(
    plan: Sequence[Ladder], contents: Mapping[str, Content], design: Design, seed: int
) -> Iterator[Sample]:
    """The samples of every ladder; those that share a photograph and a frame side by side."""
    names, types = list(contents), design.types
    ordered = sorted(
        plan,
        key=lambda x: (names.index(x.content), types.index(x.type), x.severity or 0),
    )
    calibrate = {
        ladder: wanted(ladder, contents[ladder.content], design, seed)
        for ladder in ordered
        if ladder.severity is None
    }
    found = calibrated(list(calibrate.values()), design)
    for ladder in ordered:
        severities = found[calibrate[ladder]] if ladder in calibrate else None
        yield from probes(ladder, contents[ladder.content], design, seed, severities)


def _measured(sample: Sample, achieved: Achieved, design: Design) -> Sample:
    """The sample with its achieved damage, and whether any could be seen and any pixel differs."""
    hidden = (
        achieved.local_psnr > design.invisible_psnr and achieved.delta_e < design.invisible_delta_e
    )
    facts = (
        ("visible", "no" if hidden else "yes"),
        # A blurred flat region is bitwise pristine: damaged as asked, with nothing to respond to.
        ("changed", "yes" if achieved.mse else "no"),
    )
    return replace(sample, facts=(*sample.facts, *facts), measured=tuple(asdict(achieved).items()))


def coverage_embedded() -> Dataset:
    """Images that measure coverage at the sizes of the embedded photographs."""
    sizes = dict.fromkeys(c.image().shape[1:] for c in embedded())
    text = ",".join(f"{width}x{height}" for height, width in sizes)
    return replace(coverage_probes(text), name="coverage-embedded")
