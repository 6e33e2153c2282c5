"""``iqa-eval pretrain slide-iqa``: the pretraining of SLIDE-IQA's perceptual encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from baselines.pretraining.recipe import Optimization, of_preset

from .config import PRESETS, SlideConfig

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from baselines.pretraining.photos import Photos

    from .views import Batch, Drawn

NAME = "slide-iqa"


@dataclass(frozen=True)
class SlideRecipe:
    """A run of a ``SlideConfig``; see ``baselines.pretraining.recipe.Recipe``."""

    slide: SlideConfig

    @property
    def name(self) -> str:
        return NAME

    @property
    def optimization(self) -> Optimization:
        return self.slide.optimization

    @property
    def config(self) -> Mapping[str, Any]:
        return {k: v for k, v in asdict(self.slide).items() if k != "optimization"}

    def build(self) -> nn.Module:
        import torch

        from .model import Slide

        return Slide(self.slide).to(memory_format=torch.channels_last)

    @property
    def multiple(self) -> int:
        return 2  # views come in pairs

    def drawn(self, photos: Photos, n: int, step: int, generator: torch.Generator) -> Drawn:
        from .views import draw_views

        return draw_views(photos, n, self.slide, generator, step / self.optimization.steps)

    def batch(self, drawn: Drawn, device: str) -> Batch:
        from .views import make_views

        return make_views(drawn, self.slide, device)

    def loss(
        self, model: Any, batch: Batch, gather: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Mapping[str, float | Tensor]]:
        from baselines.pretraining.contrast import info_nce

        from .relations import relations, shares

        queries, keys = model.heads(*(gather(found) for found in model.encoded(batch.images)))
        found = relations(batch.records.map(gather), self.slide)
        return info_nce(queries, keys, found, self.slide.temperature), shares(found)

    def after_step(self, model: Any, step: int) -> None:
        from baselines.pretraining.heads import momentum

        if self.slide.momentum is not None:
            model.update_teacher(momentum(step, self.optimization.steps, self.slide.momentum))

    def exported(self, model: Any) -> dict[str, Tensor]:
        """The student's encoder: a teacher is a slower copy of it."""
        return dict(model.encoder.state_dict())


def make(preset: str, overrides: Mapping[str, Any]) -> SlideRecipe:
    """The recipe of a preset.

    Raises ValueError for an unknown one, with the closest names, and Unavailable where it begins
    with published weights that are not on this machine.
    """
    slide = of_preset(PRESETS, preset, NAME)
    if slide.backbone.timm is not None:
        from .encoder import Encoder

        Encoder(slide.backbone)  # what it lacks shows here, before photographs are read
    return SlideRecipe(replace(slide, optimization=replace(slide.optimization, **overrides)))
