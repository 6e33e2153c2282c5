"""``iqa-eval pretrain relational-maps``: the training of the network of the maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from baselines.pretraining.recipe import Optimization, of_preset

from .config import PRESETS, MapsConfig

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from baselines.pretraining.photos import Photos

    from .engine import Drawn, Triplets

NAME = "relational-maps"


@dataclass(frozen=True)
class MapsRecipe:
    """A run of a ``MapsConfig``; see ``baselines.pretraining.recipe.Recipe``."""

    maps: MapsConfig

    @property
    def name(self) -> str:
        return NAME

    @property
    def optimization(self) -> Optimization:
        return self.maps.optimization

    @property
    def config(self) -> Mapping[str, Any]:
        return {k: v for k, v in asdict(self.maps).items() if k != "optimization"}

    def build(self) -> nn.Module:
        import torch

        from .network import Maps

        network = Maps(self.maps.network, len(self.maps.channels))
        return network.to(memory_format=torch.channels_last)

    @property
    def multiple(self) -> int:
        return 1

    def drawn(self, photos: Photos, n: int, step: int, generator: torch.Generator) -> Drawn:
        from .engine import draw_triplets

        return draw_triplets(photos, n, self.maps, generator, step / self.optimization.steps)

    def batch(self, drawn: Drawn, device: str) -> Triplets:
        import torch

        from .engine import make_triplets

        found = make_triplets(drawn, self.maps, device)
        if self.maps.network.antisymmetric:
            return found  # swapped, a pair has the same loss
        share = torch.rand(len(drawn.contents), generator=drawn.generator)
        return swapped(found, (share < self.maps.p_swap).to(device))

    def loss(
        self, model: Any, batch: Triplets, gather: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Mapping[str, float | Tensor]]:
        """Weighted MSE. Logged beside it: ``flat``, that of maps that are 0.5 everywhere, and
        ``direction``, the share of what differs that is on the right side of 0.5."""
        import torch

        from .loss import marked, weighted_mse

        beta, w_high, targets = self.maps.beta, self.maps.w_high, batch.targets
        predicted = model(batch.tests, batch.references)
        loss = weighted_mse(predicted, targets, beta, w_high)
        flat = weighted_mse(torch.full_like(targets, 0.5), targets, beta, w_high)
        differs = marked(targets, beta)
        right = differs & ((predicted > 0.5) == (targets > 0.5))
        counts = (mask.sum((1, 2, 3)) for mask in (right, differs))
        loss, flat, hits, of = gather(torch.stack([loss, flat, *counts], 1)).unbind(1)
        numbers = {"flat": flat.mean(), "direction": hits.sum() / of.sum().clamp(min=1)}
        return loss.mean(), {name: value.detach() for name, value in numbers.items()}

    def after_step(self, model: Any, step: int) -> None:
        """Nothing follows the network."""

    def exported(self, model: Any) -> dict[str, Tensor]:
        return dict(model.state_dict())


def swapped(triplets: Triplets, which: Tensor) -> Triplets:
    """Test and reference exchanged in the pairs of ``which`` (``bool [B]``): target 1 - D."""
    import torch

    pick = which[:, None, None, None]
    tests, references, targets = triplets.tests, triplets.references, triplets.targets
    return replace(
        triplets,
        tests=torch.where(pick, references, tests),
        references=torch.where(pick, tests, references),
        targets=torch.where(pick, 1 - targets, targets),
    )


def make(preset: str, overrides: Mapping[str, Any]) -> MapsRecipe:
    """The recipe of a preset.

    Raises ValueError for an unknown one, with the closest names, and Unavailable where it begins
    with published weights that are not on this machine.
    """
    maps = of_preset(PRESETS, preset, NAME)
    recipe = MapsRecipe(replace(maps, optimization=replace(maps.optimization, **overrides)))
    if maps.network.timm is not None:
        recipe.build()  # what it lacks shows here, before photographs are read
    return recipe
