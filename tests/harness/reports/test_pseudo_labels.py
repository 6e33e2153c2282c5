"""Numbers of a head that pseudo-labels taught say so where no heading does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.records import Row
from harness.reports.across import cautions, star_notes
from harness.reports.figures import figures
from harness.reports.groups import group
from harness.site.learning_figure import learning_figure
from tests.harness.reports.conftest import base_row

TAUGHT = ("pseudo-labels", "few contents (8)")


def taught(**changes: object) -> Row:
    return base_row("head", "photos", "sensitivity", marks=TAUGHT, **changes)


def test_a_number_is_starred_but_where_the_labels_are_those_of_its_dataset() -> None:
    assert cautions(taught()) == ("head: pseudo-labels",)
    assert "computed, not given by people" in " ".join(star_notes([taught()]))
    assert cautions(base_row("head", "demo", "correlation", marks=TAUGHT)) == ()


def test_a_fit_that_did_not_converge_is_starred() -> None:
    row = base_row("a", "demo", "correlation", metric="plcc_logistic")
    assert cautions(replace(row, reason="logistic fit not converged: 200 evaluations")) == (
        "not converged",
    )


def test_close_kin_of_a_judge_is_not_said_to_have_judged() -> None:
    row = base_row("kin", "demo", "correlation", marks=("circular",))
    assert "or close kin of it, helped" in " ".join(star_notes([row]))


def test_every_figure_of_such_numbers_has_the_sign(row: Callable[..., Row]) -> None:
    rows = []
    for area in ("1/16", "1"):
        subset = f"area={area}"
        rows += [taught(metric="detected", subset=subset), taught(metric="response", subset=subset)]
    rows.append(taught(metric="response_ratio", subset="area=1/16"))
    rows.append(taught(metric="response", subset="type=jpeg area=1/16"))
    rows.append(taught(metric="threshold", subset="type=jpeg severity=3"))
    drawn = figures(group(rows)[0])
    assert {picture.name.rpartition(".")[2] for picture in drawn} == {
        "detected", "thresholds", "area", "types",
    }  # fmt: skip
    for picture in drawn:
        assert "§: rests on pseudo-labels" in picture.caption, picture.name
        assert "head §" in "".join(
            text.get_text() for text in picture.figure.findobj() if hasattr(text, "get_text")
        ), picture.name


def test_learning_curves_say_what_was_learned() -> None:
    curve = [{"epoch": i, "srcc": 0.1 * i} for i in range(3)]
    picture = learning_figure("x", "model: pseudo-labels", [curve], " The labels are made.")
    assert picture is not None
    assert picture.caption.endswith("tested on. The labels are made.")
