"""What the report says of the run itself: its sizes, its rule, its limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

EMBEDDED = "demo"
RULE = (
    "Yes, if the 95 % interval of the paired difference of SRCC is above 0; no, if it is below; "
    "else undecided. The difference is the mean over folds (fine-tune) or repeats (data "
    "efficiency) of that of two fits with the same training and test part; its interval is a t "
    "interval over them. Folds share training images, and what other photographs would add is not "
    "in it: it is rather too narrow. Of several intervals at 95 % one may miss by chance.\n"
)


def what_was_run(facts: Mapping[str, Any]) -> str:
    """A paragraph, and a line for each model of each suite with all that it was given."""
    lines = [
        "SHDIQA (ours) and a plain ViT that is fitted in the same way, from the same weights, on "
        "the same splits and crops: what the one adds is a teacher of damage and two losses.\n"
    ]
    if _embedded(facts):
        lines.append(
            "All images are renderings of eight embedded photographs with one damage each, and "
            "their labels are **pseudo-labels**, made of full-reference metrics: no person has "
            "rated any of them. So this says whether the code learns, and what the method adds "
            "under these conditions; it says nothing of agreement with people.\n"
        )
    for suite in facts["suites"]:
        protocols = ", ".join(_named(each) for each in suite["protocols"])
        datasets = ", ".join(each["name"] for each in suite["datasets"])
        lines.append(f"`{suite['name']}` (seed {suite['seed']}): {protocols} on {datasets}, of\n")
        lines += [f"- {_named(each)}" for each in suite["models"]]
        lines.append("")
    lines.append("Made by `python -P results/experiments/shdiqa/run.py` beside this file.\n")
    return "\n".join(lines)


def limits(facts: Mapping[str, Any]) -> str:
    """What these numbers cannot say."""
    told = [
        "A fold or repeat is fitted once, with a seed of its own: how much of the spread of fits "
        "is that of seeds, and how much that of splits, is not told apart.",
        "What the paper leaves open (weights of the losses, tokens, how the teacher is trained) is "
        "set as the options' defaults say; nothing was searched for here.",
    ]
    if _embedded(facts):
        told += [
            "A few steps on small crops, from a small encoder that was pretrained on damage: the "
            "paper's student starts from ImageNet, and sees 90 crops of 224 pixels of each "
            "image. A teacher of damage may add less to an encoder that knows damage already.",
            "Eight contents: intervals over them are wide, and 2 of 8 are the test part of a "
            "repeat. A validation part has one content at least: at 25 % a fit learns from the "
            "versions of a single photograph, and those of another choose its epoch.",
        ]
    return "\n".join(["\n## What this does not say\n", *(f"- {line}" for line in told), ""])


def _embedded(facts: Mapping[str, Any]) -> bool:
    return any(d["name"] == EMBEDDED for suite in facts["suites"] for d in suite["datasets"])


def _named(named: Mapping[str, Any]) -> str:
    options = {k: v for k, v in named.items() if k not in ("name", "root")}
    told = ", ".join(
        f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in options.items()
    )
    return f"`{named['name']}`" + (f" ({told})" if told else "")
