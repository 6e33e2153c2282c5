"""Score image files with one model: the shortest way to a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from .errors import one_line
from .images import TOO_LARGE, DecodePolicy, Failure, decode
from .model import Model, operations
from .operate import operate
from .registry import BrokenPlugin, UnknownName, load_model, maker, option_names
from .sample import Sample
from .source import FileSource

if TYPE_CHECKING:
    import pandas as pd


def score(
    images: Sequence[str | Path] | str | Path,
    model: str | Model,
    references: Sequence[str | Path] | str | Path | None = None,
    *,
    device: str | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Scores of image files (or of one), higher is better: image, score, reason, warning.

    ``references`` (one, or one for each image) are needed by full-reference models. A model
    that can be moved computes on ``device`` (default: where it is). An image
    that cannot be scored has the score NaN and a reason; all others have the reason None.
    ``warning`` says what was done to the pixels ("alpha channel dropped"), or is None. Raises
    ValueError if the model cannot score such input at all, and what ``load_model`` raises.
    """
    import pandas as pd

    adapter = load_model(model, **options) if isinstance(model, str) else model
    if device is not None and hasattr(adapter, "to"):
        adapter.to(device)
    images = [images] if isinstance(images, str | Path) else images
    pairs = _pairs(images, references)
    offered = operations(adapter)
    operation = "score" if references is None else "score_pair"
    if operation not in offered or not callable(getattr(adapter, operation, None)):
        raise ValueError(f"{adapter.card.name}: {_advice(operation, offered, adapter.card.name)}")
    results = [
        _score_one(adapter, operation, members)
        for members in tqdm(pairs, desc=adapter.card.name, unit="image", delay=2)
    ]
    frame = pd.DataFrame(results, columns=["score", "reason", "warning"], dtype=object)
    frame["score"] = frame["score"].astype(float)  # the others keep None as None
    frame.insert(0, "image", [str(members[0]) for members in pairs])
    return frame


def _pairs(
    images: Sequence[str | Path], references: Sequence[str | Path] | str | Path | None
) -> list[tuple[str | Path, ...]]:
    if references is None:
        return [(image,) for image in images]
    if isinstance(references, str | Path):
        references = [references]
    if len(references) == 1:
        references = [references[0]] * len(images)
    if len(references) != len(images):
        raise ValueError(f"{len(images)} images but {len(references)} references")
    return list(zip(images, references, strict=True))


def _score_one(
    adapter: Model, operation: str, members: tuple[str | Path, ...]
) -> tuple[float, str | None, str | None]:
    policy = DecodePolicy(max_pixels=adapter.card.max_pixels)
    decoded = [decode(member, policy) for member in members]
    limit = f"more than the {adapter.card.max_pixels:,} that {adapter.card.name} takes"
    for image, which in zip(decoded, ("", "reference: "), strict=False):
        if isinstance(image, Failure):
            return math.nan, which + image.reason.replace(TOO_LARGE, limit), None
    known = [image for image in decoded if not isinstance(image, Failure)]
    tensors = [[image.image] for image in known]
    warning = "; ".join(dict.fromkeys(text for image in known for text in image.warnings)) or None
    name = str(members[0])
    sample = Sample(name, FileSource(Path(members[0])), content=name)
    try:
        value = float(operate(adapter, operation, None, *tensors, samples=[sample])[0])
    except Exception as error:  # whatever an adapter raises belongs to this image
        return math.nan, one_line(error), warning
    return value, None, warning


def _advice(operation: str, offered: frozenset[str], name: str) -> str:
    if operation == "score" and "score_pair" in offered:
        return "compares an image with its reference: give --reference"
    if operation == "score_pair" and "score" in offered:
        return "judges an image by itself: leave the reference out"
    if "distortion_map" in offered:
        return (
            "draws maps and gives no score: use compare-images, or name a checkpoint with a score"
        )
    if "features" in offered:
        head = f", or give it a head, if it has one: iqa-eval card {name}"
        return (
            "gives features, not scores: use the linear-probe protocol on a labeled dataset"
            f"{head if _takes_a_head(name) else ''}"
        )
    return "cannot score images"


def _takes_a_head(name: str) -> bool:
    with suppress(UnknownName, BrokenPlugin):  # a model that was given need not be registered
        return "head" in option_names(maker(name))
    return False
