"""``timm:NAME``: a frozen, pretrained timm backbone as an encoder of whole images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from harness.file_hashes import file_sha256
from harness.model import Family, ModelCard, TrainedOn, Weights

from .loading import closest, only_what_is_here, refuse, tensors_sha256
from .state_dict import read_state_dict
from .timm_encoder import TimmEncoder, create, max_pixels

# Tags of weights that speak of ImageNet and of nothing else.
_IMAGENET = re.compile(
    r"((tv2?|a[123]h?|ra[234]?|augreg|fb|ms|miil|lamb|rsb|r160)_)?"
    r"(in(12|21|22)k_(ft_)?)?in1k(_\d+)?"
)


def load(
    name: str,
    *,
    weights: str | None = None,
    pretrained: bool = True,
    device: str = "cpu",
    **options: Any,
) -> TimmEncoder:
    """The backbone ``name`` of timm, with the weights of its hub or of the file ``weights``.

    ``weights`` is a state dict under timm's own names (.safetensors, or .pth read without
    code); a classifier in it is left out. Raises Unavailable where the weights are not in the
    local cache, ValueError for an unknown name or option, for a file that is damaged or of
    another network, and for a network that only takes images of one size.
    """
    import timm

    model = f"timm:{name}"
    refuse(model, options, ("device", "weights"))
    if not pretrained:
        raise ValueError(f"{model} stands for pretrained weights; see control:untrained-vit")
    known(name, weights)
    if weights is not None:
        net = create(name, pretrained=False)
        found = read_into(net, Path(weights))
    else:
        command = f"python -c \"import timm; timm.create_model('{name}', pretrained=True)\""
        with only_what_is_here(model, command):
            net = create(name, pretrained=True)
        found = of_the_hub(net)
    card = ModelCard(
        name=model,
        version="1",
        mode="NR",
        summary=f"frozen {timm.get_pretrained_cfg(name).architecture} on the whole image",
        license=found.license,
        weights=(found,),
        trained_on=None if weights else trained_on(net),
        max_pixels=max_pixels(net),
        options={} if weights is None else {"weights": found.sha256[:16]},
    )
    return TimmEncoder(net, card, device)


def known(name: str, weights: str | None) -> None:
    """Raise ValueError, with what to do, unless timm has ``name``, and weights of it if need be."""
    import timm

    pretrained = timm.list_models(pretrained=True)
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture) or (tag and name not in pretrained):
        names = [*timm.list_models(), *pretrained]
        raise ValueError(f"timm has no model {name!r}; {closest(name, names)}")
    if weights is None and not timm.is_model_pretrained(name):
        raise ValueError(
            f"timm has no weights for {name!r}; give weights=FILE, or see control:untrained-vit"
        )


def read_into(net: Any, path: Path) -> Weights:
    """Load the state dict at ``path`` into ``net``; every parameter must be there."""
    tensors = read_state_dict(path)
    config = net.pretrained_cfg
    heads = config["classifier"] or ()
    heads = tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads))
    tensors = {key: value for key, value in tensors.items() if not key.startswith(heads)}
    try:
        net.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()
        raise ValueError(f"weights {path}: not those of this network: {first[:160]}") from None
    return Weights(path.name, file_sha256(path), license="not stated")


def of_the_hub(net: Any) -> Weights:
    """The published weights that ``net`` was made with."""
    config = net.pretrained_cfg
    return Weights(
        f"{config['architecture']}.{config['tag']}",
        tensors_sha256(net.state_dict()),
        source=config.get("hf_hub_id") or config.get("url") or "",
        license=config.get("license") or "not stated",
    )


def trained_on(net: Any) -> tuple[TrainedOn, ...] | None:
    """ImageNet where the tag of the hub's weights says only that; else nothing is known."""
    known = _IMAGENET.fullmatch(net.pretrained_cfg.get("tag") or "")
    return (TrainedOn("imagenet"),) if known else None


FAMILY = Family(
    load,
    "frozen pretrained backbones of timm, as encoders",
    (
        *("resnet18", "resnet50", "convnext_tiny", "mobilenetv3_small_100"),
        *("vit_tiny_patch16_224", "vit_small_patch16_224", "vit_small_patch14_dinov2"),
        *("swin_tiny_patch4_window7_224",),
    ),
)
