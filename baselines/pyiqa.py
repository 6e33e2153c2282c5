"""``pyiqa:NAME``: any metric of the library pyiqa (PolyForm Noncommercial, an optional extra)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.model import Family, Images, ModelCard, TrainedOn, Weights

from .loading import closest, only_what_is_here, refuse, tensors_sha256, usable_device
from .seen import ARNIQA_TYPES, IMAGENET, KADIS

if TYPE_CHECKING:
    import torch

# Formulas with constants set by hand: nothing is learned, so there is nothing to have seen.
HAND_MADE = frozenset(
    {"psnr", "psnry", "ssim", "ssimc", "ms_ssim", "cw_ssim", "vif", "fsim", "vsi", "gmsd", "mad"}
    | {"piqe", "entropy"}
)
# Their parameters come with the package, so they work offline: FR first, then NR.
OFFLINE = (
    *("psnr", "psnry", "ssim", "ssimc", "ms_ssim", "cw_ssim", "fsim", "vsi", "gmsd", "vif"),
    *("nlpd", "mad", "piqe", "entropy"),
)
_NOT_OF_AN_IMAGE = {
    "fid": "compares two sets of images",
    "sfid": "compares two sets of images",
    "fid_dinov2": "compares two sets of images",
    "inception_score": "judges a set of images",
    "clipscore": "compares an image with a caption",
}
# Options of pyiqa's own wrapper: which metric it is, and its use as a loss.
_OF_THE_WRAPPER = frozenset(
    {"metric_name", "metric_mode", "type", "as_loss", "loss_weight", "loss_reduction"}
)
# The labelled set that pyiqa's model card names; its backbones start from ImageNet.
_LABELLED = {
    **dict.fromkeys(("musiq", "maniqa", "tres", "topiq_nr"), "koniq10k"),
    **dict.fromkeys(("musiq-spaq", "topiq_nr-spaq"), "spaq"),
    **dict.fromkeys(("musiq-paq2piq", "tres-flive", "topiq_nr-flive"), "flive"),
    **dict.fromkeys(("maniqa-kadid", "topiq_fr"), "kadid10k"),
    **dict.fromkeys(("maniqa-pipal", "topiq_fr-pipal"), "pipal"),
}
# Sets of ARNIQA's regressors that pyiqa calls otherwise.
_REGRESSORS = {"koniq": "koniq10k", "tid": "tid2013", "kadid": "kadid10k"}


class _Metric:
    """A pyiqa metric: sizes, color spaces and normalization are its own business."""

    def __init__(self, metric: Any, card: ModelCard, device: torch.device) -> None:
        self.metric, self.card, self.device = metric, card, device

    def to(self, device: str) -> _Metric:
        self.device = usable_device(device)
        self.metric.to(self.device)
        return self

    def _values(self, *inputs: Images) -> torch.Tensor:
        import torch

        sign = -1.0 if self.metric.lower_better else 1.0
        with torch.inference_mode():
            found = [self.metric(*map(self._input, group)) for group in zip(*inputs, strict=True)]
        return sign * torch.stack([self._scalar(value) for value in found])

    def _input(self, image: torch.Tensor) -> torch.Tensor:
        return image.to(self.device).float()[None] / 255

    def _scalar(self, value: Any) -> torch.Tensor:
        if getattr(value, "numel", lambda: 0)() != 1:
            raise ValueError(f"{self.card.name} does not give one number for an image")
        return value.detach().cpu().double().reshape(())


class NoReferenceMetric(_Metric):
    """A metric that judges an image by itself."""

    def score(self, images: Images) -> torch.Tensor:
        """``float64 [N]``, higher is better: negated where pyiqa's own value falls."""
        return self._values(images)


class FullReferenceMetric(_Metric):
    """A metric that compares an image with its reference, of the same size."""

    def score_pair(self, images: Images, references: Images) -> torch.Tensor:
        """``float64 [N]``, higher is better: negated where pyiqa's own value falls.

        Raises ValueError for an image of another size than its reference.
        """
        for image, reference in zip(images, references, strict=True):
            if image.shape != reference.shape:
                raise ValueError(
                    f"the image is {_size(image)} pixels, its reference {_size(reference)}"
                )
        return self._values(images, references)


def load(
    name: str, *, device: str = "cpu", **options: Any
) -> NoReferenceMetric | FullReferenceMetric:
    """The metric that ``pyiqa.create_metric(name, **options)`` makes.

    Raises Unavailable where pyiqa or the metric's weights are absent, ValueError for an
    unknown name or option, and for what is no measure of an image.
    """
    model = f"pyiqa:{name}"
    if name in _NOT_OF_AN_IMAGE:
        raise ValueError(f"{model} {_NOT_OF_AN_IMAGE[name]}: it has no score for one image")
    with only_what_is_here(model, "pip install pyiqa"):
        import pyiqa

        known = pyiqa.list_models()
    if name not in known:
        raise ValueError(f"pyiqa has no metric {name!r}; {closest(name, known)}")
    where = usable_device(device)
    with only_what_is_here(model, _command(name, options)):
        metric = _create(name, where, options)
    adapter = FullReferenceMetric if metric.metric_mode == "FR" else NoReferenceMetric
    return adapter(metric, _card(name, metric), where)


def _create(name: str, device: torch.device, options: dict[str, Any]) -> Any:
    import pyiqa

    model = f"pyiqa:{name}"
    refuse(model, options.keys() & _OF_THE_WRAPPER)
    try:
        metric = pyiqa.create_metric(name, device=device, **options)
    except TypeError as error:
        found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if found is None:
            raise
        raise ValueError(f"{model} has no option {found[1]!r}") from None
    refuse(model, options.keys() - (takes := _options(metric.net)), takes)
    return metric


def _size(image: torch.Tensor) -> str:
    height, width = image.shape[1:]
    return f"{width} × {height}"


def _options(net: Any) -> set[str]:
    """Names of the options that the constructor of ``net`` reads."""
    parameters = inspect.signature(type(net)).parameters.values()
    named = {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
    # PSNR hands what else it is given to a function, and only the call would complain.
    return named | {"data_range", "eps", "color_space"} if type(net).__name__ == "PSNR" else named


def _card(name: str, metric: Any) -> ModelCard:
    hand_made, net = name in HAND_MADE, metric.net
    arniqa = type(net).__name__ == "ARNIQA"
    # Its views are those of the authors' model for whole images, halved by another filter.
    coverage = "the whole image, at full and at half size" if arniqa else ""
    if hand_made and not getattr(net, "crop_border", 0):
        coverage = "the whole image"
    summary = f"{type(net).__name__} as pyiqa computes it"
    return ModelCard(
        name=f"pyiqa:{name}",
        version="1",
        mode=metric.metric_mode,
        summary=f"{summary}, negated: there, lower is better" if metric.lower_better else summary,
        license="PolyForm-Noncommercial-1.0.0 (library)",
        weights=() if hand_made else (_weights(name, net),),
        trained_on=() if hand_made else _trained_on(name, net),
        trained_degradations=ARNIQA_TYPES if arniqa else (),
        coverage=coverage,
        # NSS metrics read .mat files through SciPy; the largest models are of transformers.
        requires=("pyiqa",) if name in OFFLINE else ("pyiqa", "scipy", "transformers"),
    )


def _trained_on(name: str, net: Any) -> tuple[TrainedOn, ...] | None:
    """What is certain: of ARNIQA, by the regressor that it holds, and of those in _LABELLED."""
    if type(net).__name__ == "ARNIQA":
        dataset = _REGRESSORS.get(net.regressor_dataset, net.regressor_dataset)
        return (*KADIS, *IMAGENET, TrainedOn(dataset, role="labels", component="head"))
    if name in _LABELLED:
        return (TrainedOn(_LABELLED[name], role="labels", component="head"), *IMAGENET)
    return None


def _weights(name: str, net: Any) -> Weights:
    tensors = dict(_tensors("", net))
    return Weights(f"pyiqa:{name}", tensors_sha256(tensors), source="pyiqa")


def _tensors(prefix: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor that a metric holds; several hide theirs from ``state_dict``, in attributes."""
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        yield prefix, value
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        yield prefix, torch.from_numpy(np.ascontiguousarray(value))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _tensors(f"{prefix}.{i}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tensors(f"{prefix}.{key}", item)
    elif isinstance(value, torch.nn.Module):
        yield from ((f"{prefix}.{key}", item) for key, item in value.state_dict().items())
        for path, module in value.named_modules():
            own = {k: v for k, v in vars(module).items() if not k.startswith("_")}
            yield from _tensors(f"{prefix}.{path}:", own)


def _command(name: str, options: dict[str, Any]) -> str:
    """What to type, with the network, to fetch the weights."""
    arguments = "".join(f", {key}={value!r}" for key, value in options.items())
    return f"python -c \"import pyiqa; pyiqa.create_metric('{name}'{arguments})\""


FAMILY = Family(load, "any metric of the library pyiqa (non-commercial)", OFFLINE)
