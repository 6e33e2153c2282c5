"""``finetune:NAME``: a plain ViT fitted on labels, the control of what a distillation adds."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.model import Family, ModelCard

from .config import FitConfig, configured
from .fitted import Fitted, Unfitted, Untrained
from .options import with_numbers
from .start import SLIDE, TIMM, Start, start

if TYPE_CHECKING:
    from .student import Student


def load(
    name: str,
    *,
    preset: str | None = None,
    weights: str | None = None,
    untrained: bool = False,
    device: str = "cpu",
    **options: Any,
) -> Unfitted | Fitted:
    """A student that starts from ``name`` (see `start`) and is fitted by the L1 loss of labels.

    ``preset`` is "paper", or "tiny", which is the default of slide-iqa-tiny; ``options`` are
    fields of `FitConfig` in place of the preset's. ``untrained`` gives the student as it is before
    the fit, for what it costs: no weights of timm's are needed, and its scores say nothing. Raises
    as `start` and `configured` do.
    """
    from .objective import Regression

    options = with_numbers(FitConfig(), options)
    model = f"finetune:{name}"
    config = configured(model, preset or ("tiny" if name == SLIDE else "paper"), options)
    begun = start(name, config.crop, weights, untrained)
    given = {"preset": preset, "untrained": untrained or None, **options}
    if weights is not None and not untrained:
        given["weights"] = begun.card.weights[0].sha256[:16]
    card = fitted_card(
        begun,
        config,
        name=model,
        version="2",
        summary=f"{begun.card.name} fine-tuned on labels (L1), with one decoder layer",
        options={key: value for key, value in given.items() if value is not None},
    )
    if untrained:
        return drawn(begun, config, card, device)
    told = {"start": asdict(begun.encoder.config), "weights": card.weights_hash}
    return Unfitted(Regression(partial(student_of, begun, config), told), config, card, device)


def drawn(begun: Start, config: FitConfig, card: ModelCard, device: str) -> Untrained:
    """The student as it is before any fit; what is drawn is the same each time."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        student = student_of(begun, config)
    return Untrained(student, config, replace(card, control=True), device)


def student_of(begun: Start, config: FitConfig) -> Student:
    """A student with a copy of the encoder that it starts from."""
    from .student import Student

    return Student(deepcopy(begun.encoder), config.queries, config.ffn)


def fitted_card(begun: Start, config: FitConfig, **fields: Any) -> ModelCard:
    """The card of a model that starts from there and is then fitted: ``fields`` in its place."""
    return replace(
        begun.card,
        coverage=(
            f"at most {config.test_crops} crops of {config.crop} pixels from edge to edge, of the "
            f"image with a shorter side of {config.shorter_side} at most"
        ),
        batch_invariant=True,  # on a CPU images are scored one at a time
        max_pixels=ModelCard.max_pixels,
        **fields,
    )


FAMILY = Family(
    load,
    "plain ViTs fine-tuned on the labels of each split",
    (SLIDE, f"{TIMM}deit3_small_patch16_224.fb_in1k"),
)
