"""What the released encoders were trained on, as their cards say it."""

from __future__ import annotations

from harness.model import TrainedOn

# 140,000 pristine photographs; CONTRIQUE and Re-IQA add photographs of users.
KADIS = (TrainedOn("kadis700k"),)
USERS = (
    TrainedOn("ava"),
    TrainedOn("coco"),
    TrainedOn("certh-blur"),
    TrainedOn("voc2012"),
    # Its photographs are of AVA, VOC 2012, EMOTIC and CERTH-blur.
    TrainedOn("flive", split="what is of AVA, VOC 2012 and CERTH-blur"),
)
IMAGENET = (TrainedOn("imagenet"),)
# Most of their references are of the same 24 photographs of Kodak.
_SHARED = {"live": "tid2013", "tid2013": "live"}


def head_on(dataset: str) -> tuple[TrainedOn, ...]:
    """What a regressor has seen that was fitted on ``dataset``."""
    labels = TrainedOn(dataset, role="labels", component="head")
    if dataset not in _SHARED:
        return (labels,)
    return (labels, TrainedOn(_SHARED[dataset], role="content", component="head"))


# Types of damage under the names of the bank; strengths and programs are the authors' own.
_COMMON = (
    *("gaussian-blur", "lens-blur", "motion-blur"),
    *("color-diffusion", "color-shift", "color-saturation-hsv", "color-saturation-lab"),
    *("jpeg", "white-noise", "white-noise-color", "impulse-noise", "multiplicative-noise"),
    *("brighten", "darken", "mean-shift"),
    *("jitter", "non-eccentricity", "pixelate", "color-block"),
    *("high-sharpen", "contrast"),
)
KADIS_TYPES = (*_COMMON, "color-quantization", "jpeg2000", "denoise", "quantization")
REIQA_TYPES = (*_COMMON, "denoise", "resize-bicubic", "resize-bilinear", "resize-lanczos")
ARNIQA_TYPES = (*_COMMON, "jpeg2000", "quantization")
