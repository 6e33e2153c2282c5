"""``shdiqa``: our SHDIQA, fitted on the labels of each split.

X. Li et al., Distilling Spatially-Heterogeneous Distortion Perception for Blind Image Quality
Assessment, CVPR 2025, pp. 2344–2354. There is no official code, and no weights: this is our
implementation of what the abstract and the supplementary material say (see `config`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from harness.model import ModelCard, Unavailable

from ..finetuning.adapter import drawn, fitted_card, student_of
from ..finetuning.fitted import Fitted, Unfitted
from ..finetuning.start import SLIDE, TIMM
from ..finetuning.start import start as started
from ..loading import refuse

if TYPE_CHECKING:
    from .config import ShdiqaConfig

CARD = ModelCard(
    name="shdiqa",
    version="2",
    mode="NR",
    summary="SHDIQA (our implementation): a ViT fitted on labels and on damage block by block",
    paper="Li et al., SHDIQA, CVPR 2025, pp. 2344–2354",
)
# What students start from, by preset.
_STARTS = {"paper": f"{TIMM}deit3_small_patch16_224.fb_in1k", "tiny": SLIDE}
# The shape of mask that blocks of a partition are, where the probes have one alike.
_SHAPES = {"vertical": "strip", "horizontal": "strip", "grid": "cell"}


def load(
    *,
    preset: str = "paper",
    start: str | None = None,
    weights: str | None = None,
    untrained: bool = False,
    device: str = "cpu",
    **options: Any,
) -> Unfitted | Fitted:
    """SHDIQA (ours), which can be fitted, and gives scores then.

    ``preset``: "paper", or "tiny" for CPUs. ``start`` and ``weights``: what the student starts from
    (see `finetuning.start`; default: DeiT-III-S, and for "tiny" slide-iqa-tiny). ``options`` are
    fields of `FitConfig` and of `ShdiqaConfig`, and those of its teacher with the prefix
    "teacher_". ``untrained`` gives the student before any fit, for what it costs. Raises
    Unavailable where weights are not on this machine, ValueError for what is unknown or cannot be
    run.
    """
    from dataclasses import asdict, fields

    from ..finetuning.config import FitConfig
    from ..finetuning.config import configured as fit_configured
    from ..finetuning.objective import Regression
    from ..finetuning.options import with_numbers
    from .config import configured, option_names, with_option_numbers
    from .objective import Shdiqa, check

    if preset not in _STARTS:
        raise ValueError(f"shdiqa has no preset {preset!r}; there are {', '.join(_STARTS)}")
    options = with_option_numbers(with_numbers(FitConfig(), options))
    mine = set(option_names())
    every = mine | {each.name for each in fields(FitConfig)}
    known = every | {"start", "device", "preset", "weights", "untrained"}
    refuse("shdiqa", options.keys() - every, known)
    of_fit = {name: value for name, value in options.items() if name not in mine}
    config = fit_configured("shdiqa", preset, of_fit)
    try:
        settings = configured(preset, {k: v for k, v in options.items() if k in mine})
        begun = started(start or _STARTS[preset], config.crop, weights, untrained)
        check(settings, config.crop, begun.encoder)
    except ValueError as error:
        raise ValueError(f"shdiqa: {error}") from None
    except Unavailable as absent:
        reason = f"{absent.reason} (preset=tiny starts from weights in the package)"
        raise Unavailable(reason, absent.command, CARD) from None
    given = {"preset": preset, "start": start, "untrained": untrained or None, **options}
    if weights is not None and not untrained:
        given["weights"] = begun.card.weights[0].sha256[:16]
    card = fitted_card(
        begun,
        config,
        name=CARD.name,
        version=CARD.version,
        summary=CARD.summary,
        paper=CARD.paper,
        options={name: value for name, value in given.items() if value is not None},
        **_met(begun.card, settings),
    )
    if untrained:
        return drawn(begun, config, card, device)
    told = {"start": asdict(begun.encoder.config), "weights": card.weights_hash}
    control = Regression(partial(student_of, begun, config), told)
    return Unfitted(Shdiqa(control, settings, config.crop), config, card, device)


def _met(start: ModelCard, settings: ShdiqaConfig) -> dict[str, tuple[str, ...]]:
    """Types, and shapes of masks, that are met in training.

    Strips are held out of our other trainings; here they are the paper's own, and the card says so.
    """
    types = dict.fromkeys((*start.trained_degradations, *settings.types))
    shapes = dict.fromkeys((*start.trained_masks, _SHAPES[settings.partition]))
    return {"trained_degradations": tuple(types), "trained_masks": tuple(shapes)}
