"""What the report says of the run itself: arms, measures, command, and what it does not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import anchors, arms

MEASURES = """What is measured, each by the area of the damage:

- mAP of the type: mean average precision of linear heads that name the type of the damage; the
  tables have what a random order reaches.
- AUROC of the damaged / clean head: of a linear head that has learned from damage of full frames.
- share detected: of the damaged pictures, those whose score (ridge on the pseudo-labels of demo)
  moves by more than 95 % of harmless changes do, such as a shift by a pixel.
- R² of log area: how much of the extent of the damage a linear head tells.
"""


def what_was_run(facts: Mapping[str, Any]) -> str:
    listed = "\n".join(
        f"- `{arm}`: {about}" + (f" (`{_setting(arm)}`)" if arm != arms.BASE else "")
        for arm, about in arms.ARMS.items()
        if arm in facts["arms"]
    )
    tests = ", ".join(f"{name} ({n} photographs)" for name, n in facts["tests"].items())
    lacking = "" if facts["squeezenet"] else " SqueezeNet was left out: its weights were not given."
    return (
        f"Each arm was trained for {facts['steps']} steps of {facts['batch']} views "
        f"({facts['views']:,} views, {facts['precision']}), with {facts['seeds']} seed(s). Arms of "
        "one seed have the same first weights and the same order of photographs, and differ from "
        f"`{arms.BASE}` in one setting:\n\n{listed}\n\n"
        f"`{arms.UNTRAINED}` is the same network before its first step, a control. Beside them "
        f"stand {anchors.NAME} (ImageNet) and the 36 statistics of nss:brisque.{lacking} All are "
        f"frozen and read by linear heads on contents that these have not seen: {tests}. The "
        "held-out damage is of types and of a shape of masks that no arm was trained with; heads "
        "have learned both, from other contents. Numbers of the two kinds of damage are on "
        "different sets, with different numbers of types, and cannot be compared. That the "
        "deviations of patch tokens are read besides their mean was chosen on these photographs "
        "and this held-out damage (by readings.py): all arms are read alike, and SqueezeNet's last "
        f"feature map is, too.{_shipped(facts)}\n\nMade by `{facts['command']}`, with folders of "
        "one's own.\n"
    )


def _shipped(facts: Mapping[str, Any]) -> str:
    if not facts["shipped"]:
        return " The checkpoint in the package is of a longer run of `small`, and no arm here."
    return " `small` of seed 0 is the checkpoint in the package, before it was halved in precision."


def _setting(arm: str) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in arms.difference(arm).items())


def limits(facts: Mapping[str, Any]) -> str:
    few = (
        "With one seed nothing is known of how much the training itself varies. "
        if facts["seeds"] < 2
        else f"{facts['seeds']} seeds tell little of how much the training itself varies. "
    )
    return (
        "\n## What this does not show\n\n"
        f"The budget is small: {facts['views']:,} views are far from convergence, and the order "
        f"of arms may change with more. {few}All damage is synthetic, and so few photographs "
        f"({', '.join(f'{n} of {name}' for name, n in facts['tests'].items())}) leave wide "
        "intervals; that two arms cannot be told apart does not make them equal. Intervals are "
        "of one comparison each: of many, some exclude 0 by chance; those of detection rest on an "
        "extreme of few harmless changes and are rather too short. The rule of "
        "exclusion is our reading of a paper of which only the abstract is public: nothing here "
        "confirms or refutes its results. No person has rated any of these images; the labels of "
        "the linear probe are pseudo-labels made of full-reference metrics.\n"
    )
