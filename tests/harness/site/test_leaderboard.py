"""The leaderboard's data against the rows that it is made of."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.canonical import slug
from harness.collection.board import Board, read_board
from harness.records import Record, Row, write_record
from harness.site.dataset_page import dataset_pages
from harness.site.headlines import Headline, first_of, headlines
from harness.site.index_page import index_page, inline_json
from harness.site.leaderboard import compared, leaderboard
from harness.site.unscored import unscored

NASTY = "</script><script>alert(1)</script>"
SRCC = {"first": 0.91, "second": 0.88, NASTY: 0.4, "judge": 0.97, "control:flat": 0.1}


def row(model: str, dataset: str, protocol: str = "correlation", **changes: object) -> Row:
    marks = {"judge": ("circular",), "control:flat": ("control",)}.get(model, ())
    pseudo = dataset == "made"
    found = Row(
        model=model, model_version="1", weights="", options="{}", mode="NR", dataset=dataset,
        images_hash=f"images of {dataset}", labels_hash=f"labels of {dataset}",
        label_kind="pseudo" if pseudo else "mos", decoding="exif-srgb@1", device="cpu",
        others="{}", protocol=protocol, protocol_version="1", protocol_options="{}", split="all",
        subset="all", metric="srcc", value=None, ci_low=None, ci_high=None, ci_method=None,
        n_expected=100, n_scored=100, n_failed=0, seed=0, published=None, published_source=None,
        contamination="none", marks=(*(["pseudo-labels"] if pseudo else []), *marks),
        scores=None, reason=None,
    )  # fmt: skip
    return replace(found, **changes)


def rows() -> Iterable[Row]:
    for model, srcc in SRCC.items():
        for dataset in ("live", "made"):
            value = srcc - 0.1 * (dataset == "made")
            ends = {"ci_low": value - 0.03, "ci_high": value + 0.02, "ci_method": "bootstrap"}
            own = row(model, dataset, value=value, **ends)
            yield replace(own, contamination="labels", n_scored=98) if model == "second" else own
            yield row(model, dataset, metric="rmse", value=10 * (1 - srcc))
    yield row("second", "other", value=0.5)
    yield row("first", "live", metric="plcc", reason="scores do not vary")
    yield row("absent", "live", n_scored=0, reason="no weights; to get it: iqa-eval fetch absent")
    yield row("first", "other", metric="plcc", value=0.8, published=0.81, published_source="B, T1")
    tested = {"first": ("second", 0.03, "0.04"), "second": ("first", -0.03, "0.04")}
    for model, (other, difference, p) in tested.items():
        of = row(model, "live", "significance", subset="of=correlation")
        yield replace(of, value=SRCC[model])
        for metric, value in (("rank_low", 1), ("rank_high", 2), ("top_group", model == "first")):
            yield replace(of, metric=metric, value=float(value))
        pair = replace(of, subset=f"of=correlation versus={other}")
        ends = {"ci_low": difference - 0.01, "ci_high": difference + 0.02}
        yield replace(pair, metric="srcc_difference", value=difference, **ends)
        yield replace(pair, metric="srcc_p_holm", value=float(p))
    for area, value in (("1/4", 0.7), ("1/16", 0.3)):
        subset = f"area={area}"
        yield row("first", "probes", "sensitivity", metric="detected", subset=subset, value=value)
    yield row("first", "probes", "sensitivity", metric="lsi", value=0.6)


def write(folder: Path, found: Iterable[Row]) -> Path:
    """Records as a run leaves them."""
    own: dict[tuple[str, str, str], list[Row]] = {}
    for each in found:
        own.setdefault((each.model, each.dataset, each.protocol), []).append(each)
    for (model, _, protocol), part in own.items():
        write_record(folder, Record(tuple(part), {}, slug(model), protocol))
    return folder


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return read_board(write(tmp_path_factory.mktemp("site") / "records", rows()))


def study(content: dict, name: str) -> dict:
    return next(each for each in content["studies"] if each["id"] == name)


def dataset(content: dict, name: str) -> dict:
    return next(d for d in study(content, "correlation")["datasets"] if d["id"] == name)


def test_every_number_is_there_with_its_facts(board: Board) -> None:
    content = leaderboard(board)
    metrics = [name for name, *_ in study(content, "correlation")["metrics"]]
    assert metrics == ["srcc", "plcc", "rmse"]
    numbers = {s.label: k for k, s in enumerate(board.subjects)}
    seen = 0
    for own in board.rows:
        if own.protocol != "correlation" or own.value is None:
            continue
        on = dataset(content, own.dataset)
        fact, value, *ends = on["cells"][numbers[own.model]][metrics.index(own.metric)]
        assert value == pytest.approx(own.value, rel=1e-8)
        assert ends == pytest.approx([e for e in (own.ci_low, own.ci_high) if e is not None])
        scored, expected, contamination, marks, cautions, apart = on["facts"][fact]
        assert (scored, expected) == (own.n_scored, own.n_expected)
        assert contamination == own.contamination
        assert apart == (own.model in ("judge", "control:flat"))
        met = {"seen: labels"} if own.contamination == "labels" else set()
        assert set(marks) == set(own.marks) - {"pseudo-labels"} | met
        assert ("98/100" in cautions) == (own.n_scored == 98)
        seen += 1
    assert seen == 22
    assert dataset(content, "made")["labels"] == "pseudo-labels (not human opinion)"
    assert dataset(content, "made")["pseudo"]
    assert not dataset(content, "live")["pseudo"]


def test_what_is_missing_has_a_reason(board: Board) -> None:
    content = leaderboard(board)
    numbers = {s.label: k for k, s in enumerate(board.subjects)}
    live = dataset(content, "live")
    assert live["absent"] == {numbers["absent"]: ["no weights", "iqa-eval fetch absent"]}
    assert live["cells"][numbers["first"]][1] == "scores do not vary"
    assert live["cells"][numbers["second"]][1] is None
    assert numbers["first"] not in dataset(content, "made")["absent"]


def test_published_values_stand_beside_their_row(board: Board) -> None:
    other = dataset(leaderboard(board), "other")
    numbers = {s.label: k for k, s in enumerate(board.subjects)}
    assert other["published"] == [[numbers["first"], 1, 0.81, 0]]
    assert other["sources"] == [("B, T1", "")]


def test_comparisons_annotate_the_protocol_that_they_are_of(board: Board) -> None:
    content = leaderboard(board)
    assert {each["id"] for each in content["studies"]} == {"correlation", "sensitivity"}
    numbers = {s.label: k for k, s in enumerate(board.subjects)}
    first, second = numbers["first"], numbers["second"]
    assert dataset(content, "live")["standing"] == {first: (1, 2, True), second: (1, 2, False)}
    assert dataset(content, "live")["told"] == f"tested among 2 models, without {NASTY}"
    assert dataset(content, "made")["standing"] == {}
    assert dataset(content, "made")["told"] == ""
    pair = [first, second, 0.03, pytest.approx(0.02), pytest.approx(0.05), 0.04, None]
    assert compared(board) == {"correlation": {"live": {"srcc": [pair]}}}


def test_a_comparison_that_could_be_of_either_version_is_of_none(tmp_path: Path) -> None:
    newer = [replace(each, protocol_version="2") for each in rows() if each.model == "second"]
    kept = [each for each in rows() if each.model != "second" or each.protocol == "significance"]
    mixed = [*kept, *(each for each in newer if each.protocol == "correlation")]
    content = leaderboard(read_board(write(tmp_path / "records", mixed)))
    joint = [each for each in content["studies"] if each["id"].startswith("correlation")]
    assert {each["title"] for each in joint} == {
        "correlation, version 1",
        "correlation, version 2",
    }
    assert all(d["standing"] == {} for each in joint for d in each["datasets"])


def test_marks_of_all_numbers_stand_over_their_own_metric(tmp_path: Path) -> None:
    few = row("first", "live", "relational", value=1.0, metric="pair_accuracy")
    why = "no interval: the value is the same whichever of 8 contents is left out"
    few = replace(few, marks=("few contents (8)",), ci_method=why)
    error = replace(few, metric="identity_error", marks=(), ci_method=None)
    direct = replace(few, metric="direction_accuracy", subset="by=direct", ci_method="t")
    content = leaderboard(read_board(write(tmp_path / "records", [few, error, direct])))
    (found,) = study(content, "relational")["datasets"]
    titles = [title for _, title, *_ in study(content, "relational")["metrics"]]
    assert titles[:2] == ["Pair accuracy", "Right direction, one compared directly with the other"]
    assert found["marks"] == [["few contents (8)"], ["few contents (8)"], []]
    assert found["methods"] == [[why], ["t"], []]


def test_a_part_stands_for_all_where_there_is_nothing_over_all(board: Board) -> None:
    groups = [group for group in board.groups if group.key.protocol == "sensitivity"]
    found = headlines(groups)
    assert [each.id for each in found] == ["detected area=1/16", "detected area=1/4", "lsi"]
    assert first_of(found) == Headline("detected", "area=1/16")
    assert found[1].title == "Detected at area 1/4"
    assert [each.has_mean for each in found] == [True, True, False]


def test_shares_of_the_labels_are_offered_on_both_test_parts(tmp_path: Path) -> None:
    few = {"protocol": "data-efficiency", "split": "fixed 20%"}
    own = [row("first", "live", value=0.6, subset=f"fraction={n}%", **few) for n in (25, 50)]
    rest = replace(own[0], split="all others", subset="fraction=25% test=rest", value=0.5)
    content = leaderboard(read_board(write(tmp_path / "records", [*own, rest])))
    found = study(content, "data-efficiency")
    assert [(name, title) for name, title, *_ in found["metrics"]] == [
        ("srcc fraction=25%", "SRCC with 25% of the labels"),
        ("srcc fraction=50%", "SRCC with 50% of the labels"),
        (
            "srcc fraction=25% test=rest",
            "SRCC with 25% of the labels, tested on all other images",
        ),
    ]
    assert found["first"] == 0
    values = [
        [cell and cell[1] for cell in cells]
        for d in found["datasets"]
        for cells in d["cells"].values()
    ]
    assert values == [[None, None, 0.5], [0.6, 0.6, None]]


def test_one_name_of_two_measures_is_told_apart_by_the_protocol() -> None:
    for protocol, metric, title in (
        ("relational", "mask_share", "By chance: IoU"),
        ("relational", "type_chance", "By chance: type"),
        ("localization", "mask_share", "AP by chance"),
        ("localization", "iou", "IoU"),
        ("localization", "change_iou_oracle", "IoU of change at its best threshold"),
    ):
        assert Headline(metric, "all", protocol).title == title


def test_mean_and_spread_over_splits_say_of_what() -> None:
    titles = [Headline(metric, "all").title for metric in ("srcc", "plcc_mean", "srcc_split_sd")]
    assert titles == ["SRCC", "PLCC, mean over splits", "SRCC, SD over splits"]


def test_a_skip_without_a_mode_is_no_kind_of_model(tmp_path: Path) -> None:
    found = [row("a", "live", value=0.5), row("a", "made", mode="", reason="no weights")]
    board = read_board(write(tmp_path, [*found, row("b", "live", mode="", reason="no weights")]))
    assert [model[3] for model in leaderboard(board)["models"]] == [found[0].mode, ""]
    page = index_page(board)["index.html"].decode()
    assert "<option></option>" not in page
    assert f"<option>{found[0].mode}</option>" in page


def test_numbers_of_a_head_that_pseudo_labels_taught_are_starred(tmp_path: Path) -> None:
    taught = {"protocol": "sensitivity", "metric": "lsi", "marks": ("pseudo-labels",)}
    both = [row("first", "x", value=0.6, **taught), row("second", "x", value=0.5, **taught)]
    content = leaderboard(read_board(write(tmp_path / "records", both)))
    (found,) = study(content, "sensitivity")["datasets"]
    assert found["marks"] == [[]]
    assert [fact[4] for fact in found["facts"]] == [("head: pseudo-labels",)]


def test_samples_that_no_model_could_score_are_counted(tmp_path: Path) -> None:
    lost = {"a/1": "no room: for 2", "a/2": "no room: for 3", "a/3": "too dark: 4"}
    own = {"first": {**lost, "b": "not finite"}, "second": lost, "absent": {}}
    for model, failures in own.items():
        value = None if model == "absent" else 0.5
        each = row(model, "live", value=value, reason="no weights" if value is None else None)
        record = Record((each,), {"score": failures}, slug(model), "correlation")
        write_record(tmp_path / "records", record)
    board = read_board(tmp_path / "records")
    told = "3 have no score of any model (2 no room, 1 too dark, such as no room: for 2)"
    assert unscored(board) == {("live", "images of live"): told}
    (found,) = study(leaderboard(board), "correlation")["datasets"]
    assert found["unscored"] == told
    assert told in dataset_pages(board)["datasets/live.html"].decode()


def test_costs_stand_beside_models_without_options(tmp_path: Path) -> None:
    records = write(tmp_path / "records", rows())
    (tmp_path / "costs.csv").write_text(
        "model,width,height,batch,parameters,macs_modules,macs_full,images_per_second,device\n"
        "first,224,224,1,11,12,14,13,x\nsecond,224,224,1,21,22,24,23,x\njudge,224,224,1,,,,,x\n"
    )
    found = leaderboard(read_board(records))
    assert found["cost"] == "224 × 224, one at a time, on x"
    costs = {name: cost for _, _, name, _, cost in found["models"]}
    assert (costs["first"], costs["second"], costs["judge"]) == ([11, 14, 13], [21, 24, 23], None)


@given(
    st.recursive(st.text() | st.integers(), lambda c: st.lists(c) | st.dictionaries(st.text(), c))
)
def test_inline_json_ends_no_element(value: object) -> None:
    text = inline_json(value)
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == value


def test_same_records_same_bytes(board: Board) -> None:
    first, second = index_page(board), index_page(read_board(board.folder))
    assert first == second
    page = first["index.html"].decode()
    assert "<script>alert" not in page
    assert str(board.folder) not in page
