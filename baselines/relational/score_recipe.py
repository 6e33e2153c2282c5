"""``iqa-eval pretrain relational-score --start FILE``: the training of the score, on given maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.pretraining.recipe import Optimization, of_preset

from . import maps_recipe
from .config import SCORE_PRESETS, MapsConfig, ScoreConfig

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from baselines.pretraining.photos import Photos

    from .ranked import Drawn, Ranked

NAME = "relational-score"


@dataclass(frozen=True)
class ScoreRecipe:
    """A run of a ``ScoreConfig``; see ``baselines.pretraining.recipe.Recipe``.

    ``start`` is the checkpoint of the maps, ``before`` what tells which one it is. A batch counts
    images that are scored.
    """

    score: ScoreConfig
    start: Path
    before: Mapping[str, Any]

    @property
    def name(self) -> str:
        return NAME

    @property
    def optimization(self) -> Optimization:
        return self.score.optimization

    @property
    def config(self) -> Mapping[str, Any]:
        settings = {k: v for k, v in asdict(self.score).items() if k != "optimization"}
        return {**settings, "start": self.before}

    def build(self) -> nn.Module:
        from .adapter import CARD
        from .model import Ranker
        from .reading import read

        return Ranker(read(self.start, CARD).maps, self.score)

    @property
    def multiple(self) -> int:
        return self.score.tiers * self.score.recipes  # images of a set

    def drawn(self, photos: Photos, n: int, step: int, generator: torch.Generator) -> Drawn:
        from .ranked import draw_ranked

        done = step / self.optimization.steps
        return draw_ranked(photos, n // self.score.tiers, self.score, generator, done)

    def batch(self, drawn: Drawn, device: str) -> Ranked:
        import torch

        from .ranked import make_ranked

        found = make_ranked(drawn, self.score, device)
        # Random numbers, so that sets of several processes do not meet.
        sets = (len(drawn.contents),)
        numbers = torch.randint(2**62, sets, generator=drawn.generator).to(device)
        return replace(found, set=numbers[found.set])

    def loss(
        self, model: Any, batch: Ranked, gather: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Mapping[str, float | Tensor]]:
        """Hinge and InfoNCE. Logged: both, and ``order``, the share of the dominated pairs that
        are in the right order."""
        from .loss import contrast, dominance, hinge
        from .model import gathered

        score = self.score
        pairs = gathered(model.pooled(batch), gather)
        better = dominance(gather(batch.amounts), gather(batch.set))
        scores, embeddings = model.scorer.score(pairs).float(), model.scorer.embed(pairs)
        rank = hinge(scores, better, score.margin)
        contrasted = contrast(embeddings, gather(batch.tier), score.temperature)
        right = (better & (scores[:, None] > scores)).sum() / better.sum().clamp(min=1)
        numbers = {"rank": rank.detach(), "contrast": contrasted.detach(), "order": right}
        return score.rank_weight * rank + score.contrast_weight * contrasted, numbers

    def after_step(self, model: Any, step: int) -> None:
        """Nothing follows the scorer."""

    def exported(self, model: Any) -> dict[str, Tensor]:
        """The maps, as they were, and the scorer."""
        return dict(model.state_dict())


def make(preset: str, overrides: Mapping[str, Any], start: Path | None = None) -> ScoreRecipe:
    """The recipe of a preset, on the maps of the checkpoint ``start``.

    Their settings replace those of the preset, so that the score meets the damage that they know.
    Raises ValueError for an unknown preset, with the closest names, without a start, and for one
    that is no checkpoint of ``relational-maps``.
    """
    score = of_preset(SCORE_PRESETS, preset, NAME)
    plan = replace(score.optimization, **overrides)
    if start is None:
        raise ValueError(
            f"{NAME} begins with maps: give --start OUT/checkpoint.safetensors of "
            f"iqa-eval pretrain {maps_recipe.NAME}"
        )
    maps, before = _begun(start)
    recipe = ScoreRecipe(replace(score, maps=maps, optimization=plan), start, before)
    recipe.build()  # what does not fit shows here, before photographs are read
    return recipe


def _begun(path: Path) -> tuple[MapsConfig, dict[str, Any]]:
    """How the maps of a checkpoint were trained, and which one it is."""
    from baselines.pretraining import checkpoint
    from harness.file_hashes import file_sha256

    from ..state_dict import in_one_line
    from .reading import network

    _, kept = checkpoint.read(path)
    if (recipe := kept.get("recipe")) != maps_recipe.NAME:
        raise ValueError(f"checkpoint {path}: of the recipe {recipe!r}, not {maps_recipe.NAME}")
    try:
        settings = {name: _tuples(value) for name, value in kept["config"].items()}
        settings["network"] = network(settings["network"])
        maps = MapsConfig(**settings, optimization=Optimization(**kept["optimization"]))
        before = {name: kept[name] for name in ("step", "photos")}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"checkpoint {path}: does not fit: {in_one_line(error)}") from None
    return maps, {**before, "sha256": file_sha256(path)}


def _tuples(value: Any) -> Any:
    """JSON has lists in their place."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
