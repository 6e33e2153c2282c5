"""The same models on real photographs, with all shapes, placements and kinds of ladders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness import run
from probes.design import DESIGN
from probes.sets import probe_set
from tests.probes.known.conftest import PROPORTIONAL, Rows
from tests.probes.known.known_models import Error, Luminance, everywhere, worst_patch

pytestmark = pytest.mark.slow
LIGHT = ("brighten", "darken")
DETAIL = ("gaussian-blur", "jpeg", "white-noise")
WIDE = replace(
    DESIGN,
    types=(*LIGHT, *DETAIL),
    severities=(3, 5),
    equal_damage=0.0,
    equal_energy=0.0,
    band=0.08,
    complement=0.08,
    two_draws=0.06,
)


@pytest.fixture(scope="module")
def rows_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Rows]:
    folder = tmp_path_factory.mktemp("photographs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IQA_EVAL_CACHE", str(folder))
        probes = probe_set("photographs", None, 1_000, 0, WIDE)
        models = [Error("everywhere", everywhere), Error("worst-patch", worst_patch), Luminance()]
        frame = run(models, [probes], ["sensitivity"], cache=folder, workers=1, progress=False)
    return lambda model: Rows(frame[frame["model"] == model])


def test_an_error_proportional_to_area(rows_of: Callable[[str], Rows]) -> None:
    rows = rows_of("everywhere")
    assert rows.agrees("lsi", "all", PROPORTIONAL, width=0.05)
    # Noise is alike in all places but those that are black or white.
    assert rows.value("lsi", "type=white-noise") == pytest.approx(PROPORTIONAL, abs=0.02)
    assert rows.value("complement_share") == pytest.approx(1, abs=0.05)  # soft edges
    assert rows.value("two-draws_share") < 0.1  # as bad as one, but for the luck of the draw
    assert rows.value("band_share", "area=1/4") < 0.15
    assert rows_of("worst-patch").value("lsi") > rows.value("lsi") + 0.3


def test_the_mean_luminance_sees_light_and_no_detail(rows_of: Callable[[str], Rows]) -> None:
    rows = rows_of("luminance")
    for type in LIGHT:
        assert rows.value("detected", f"type={type} area=1") == 1
        assert rows.value("detected", f"type={type} area=1/4") > 0.9
    for type in DETAIL:
        assert rows.value("detected", f"type={type} area=1/4") < 0.3
    assert rows("response", "type=darken area=1")["ci_low"] > 0
    assert rows("response", "type=brighten area=1")["ci_high"] < 0
