"""Which probes a gallery shows."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.sample import Damage, Sample
from probes.contents import Content
from probes.gallery_choice import KINDS, area_of, chosen, family_of, kind_of, ladder_of
from probes.ladders import Unreachable
from probes.render import Recipe

CONTENTS = {name: Content(name, "test", "none", Path("nowhere.png")) for name in "abc"}
TYPES = ("jpeg", "gaussian-blur", "lens-blur")
AREAS = (1 / 64, 1 / 4, 1.0)


def ladder(
    content: str, type: str, severity: int, kind: str = "plain", areas: tuple[float, ...] = AREAS
) -> list[Sample]:
    """As the probe sets name and describe theirs."""
    samples = []
    for area in areas:
        damages = [Damage(type, severity, None if area == 1 else "{}", area, area)]
        if kind == "2 damages":
            damages.append(Damage("darken", severity, "{}", area, area, order=1))
        facts: dict[str, str | float] = {"shape": "cell", "placement": "edge"}
        if kind in ("band", "complement", "two-draws"):
            facts["control"] = kind
        elif kind in ("plain", "equal-damage", "equal-energy"):
            facts["ladder"] = kind
        text = str(Fraction(area)).replace("/", "-")
        name = f"{content}/{type}/{kind}/{severity}/{text}"
        source = Recipe(CONTENTS[content], tuple(damages))
        samples.append(
            Sample(name, source, content, damages=tuple(damages), facts=tuple(facts.items()))
        )
    return samples


def harmless(content: str, change: str, draw: int) -> Sample:
    damage = Damage(change, None, seed=draw)
    facts = (("role", "harmless"), ("harmless", change))
    source = Recipe(CONTENTS[content], (damage,))
    name = f"{content}/harmless/{change}/{draw}"
    return Sample(name, source, content, damages=(damage,), facts=facts)


ladders = st.builds(
    ladder,
    st.sampled_from("abc"),
    st.sampled_from(TYPES),
    st.integers(1, 5),
    st.sampled_from(["plain", "2 damages", "band", "equal-damage"]),
    st.sampled_from([AREAS, AREAS[:2]]),
)
sets = st.lists(ladders, min_size=1, max_size=30, unique_by=lambda each: ladder_of(each[0]))


@settings(max_examples=60, deadline=None)
@given(sets, st.integers(1, 3), st.randoms())
def test_whole_ladders_of_every_cell_whatever_the_order(found, per, random) -> None:
    samples = [sample for each in found for sample in each]
    taken = chosen(samples, per)
    random.shuffle(samples)
    assert chosen(samples, per) == taken
    whole = {ladder_of(each[0]): each for each in found}
    names = list(dict.fromkeys(map(ladder_of, taken)))
    assert list(taken) == [sample for name in names for sample in whole[name]]  # areas grow

    def cell(sample: Sample) -> tuple[str, str]:
        kind = kind_of(sample)
        return kind, sample.damages[0].type if kind == "plain" else ""

    longest: dict[tuple[str, str], list[int]] = {}
    for each in found:
        longest.setdefault(cell(each[0]), []).append(len(each))
    shown = Counter(cell(whole[name][0]) for name in names)
    assert shown == {c: min(per, n.count(max(n))) for c, n in longest.items()}
    for name in names:
        assert len(whole[name]) == max(longest[cell(whole[name][0])])


def test_contents_and_severities_take_turns() -> None:
    samples = [s for c in "abc" for t in TYPES for severity in (1, 3, 5)
               for s in ladder(c, t, severity)]  # fmt: skip
    for per in (1, 2, 3):
        taken = {ladder_of(sample): sample for sample in chosen(samples, per)}.values()
        for level in ("content", "severity"):
            counts = Counter(
                s.content if level == "content" else s.damages[0].severity for s in taken
            )
            assert set(counts.values()) == {per}


def test_what_cannot_be_rendered_is_left_out() -> None:
    good, bad = ladder("a", "jpeg", 3), ladder("b", "jpeg", 3)
    bad[0] = Sample(bad[0].id, Unreachable("too weak"), "b", damages=bad[0].damages)
    assert chosen([*bad, *good]) == tuple(good)
    with pytest.raises(ValueError, match="there are no probes"):
        chosen([bad[0]])


def test_harmless_changes_are_shown_one_by_one_and_last() -> None:
    changes = [harmless(c, change, draw) for c in "ab" for change in ("dither", "shift")
               for draw in (0, 1)]  # fmt: skip
    taken = chosen([*changes, *ladder("a", "jpeg", 3)])
    assert [kind_of(sample) for sample in taken] == ["plain"] * 3 + ["harmless"] * 2
    assert [(s.damages[0].type, s.content) for s in taken[3:]] == [("dither", "b"), ("shift", "a")]
    assert [family_of(taken[0]), family_of(taken[-1])] == ["compression", "harmless"]
    assert [str(area_of(s)) for s in taken[:3]] == ["1/64", "1/4", "1"]
    assert {kind_of(s) for s in taken} < KINDS.keys()
