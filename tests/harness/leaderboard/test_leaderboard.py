"""The leaderboard is made of records: same bytes, what is known of each model, names as text."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner

from harness import leaderboard, site
from harness.canonical import slug
from harness.cost_command import TITLES
from harness.leaderboard_command import leaderboard as command
from harness.protocols.base import word
from harness.records import NOT_APPLICABLE, Record, Row, write_record
from harness.reports.formats import escape

NASTY = "<script>alert(1)</script> | [x](javascript:0)"
GET = "no weights here; to get it: fetch `it`"


def row(model: str, dataset: str = "demo", protocol: str = "correlation", **changes: object) -> Row:
    """A row with sensible fields; every one can be changed."""
    usual = {
        **{"model_version": "1", "weights": "", "options": "{}", "mode": "NR", "others": "{}"},
        **{"images_hash": f"{dataset}-images", "labels_hash": f"{dataset}-labels"},
        **{"decoding": "exif-srgb@1", "device": "cpu", "protocol_version": "1", "seed": 0},
        **{"protocol_options": "{}", "split": "all", "subset": "all", "metric": "srcc"},
        **{"value": 0.5, "ci_low": None, "ci_high": None, "ci_method": None, "n_expected": 40},
        **{"n_scored": 40, "n_failed": 0, "published": None, "published_source": None},
        **{"contamination": "none", "marks": (), "scores": None, "reason": None},
        "label_kind": "pseudo" if dataset == "demo" else "mos",
    }
    return Row(**{**usual, "model": model, "dataset": dataset, "protocol": protocol, **changes})  # type: ignore[arg-type]


def compared(model: str, low: int, high: int, dataset: str = "demo") -> list[Row]:
    """What ``significance`` says of one of the two models that are compared."""
    own = row(model, dataset, "significance", subset="of=correlation")
    rival = word(NASTY if model == "good" else "good")
    pair = replace(own, subset=f"of=correlation versus={rival}", metric="srcc_difference")
    return [
        replace(pair, value=0.2 if model == "good" else -0.2),
        *(
            replace(own, metric=metric, value=float(value))
            for metric, value in (
                *(("srcc", 0.5), ("rank_low", low), ("rank_high", high), ("top_group", low == 1)),
                ("resolvable_srcc_difference", 0.04),
            )
        ),
    ]


def ranked(model: str, value: float, **changes: object) -> list[Row]:
    first = row(model, value=value, ci_low=value - 0.1, ci_high=value + 0.05, **changes)
    return [first, replace(first, metric="plcc", value=value - 0.01, ci_low=None, ci_high=None)]


FEW = [*ranked("good", 0.9), *ranked(NASTY, 0.7)]


def rows() -> list[Row]:
    """Two models that are compared, one that is set apart, skips, and a probe set."""
    skipped = {"value": None, "n_scored": 0, "reason": GET}
    unmet = {"value": None, "reason": "the dataset has no labels", "marks": (NOT_APPLICABLE,)}
    lsi = row("good", "probes", "sensitivity", label_kind="none", metric="lsi", value=0.42)
    detected = replace(lsi, metric="detected", subset="area=1/4", value=0.77)
    false = replace(lsi, metric="false_alarms", value=0.05)
    spare = replace(lsi, metric="band_share", value=0.123)
    return [
        *ranked("good", 0.9, published=0.93, published_source="A paper, Table 1"),
        *ranked(NASTY, 0.7, contamination="labels"),
        *ranked("yardstick", 0.1, marks=("control",)),
        *compared("good", 1, 1),
        *compared(NASTY, 2, 2),
        row("away", **skipped),
        *(lsi, detected, false, spare),
        row("good", "probes", label_kind="none", **unmet),
        *(row(m, "other", value=v) for m, v in (("good", 0.8), (NASTY, 0.6))),
    ]


def keep(folder: Path, found: list[Row]) -> Path:
    """A folder of records with costs beside it."""
    parts: dict[tuple[str, str, str], list[Row]] = {}
    for each in found:
        protocol = slug(each.protocol, json.loads(each.protocol_options))
        parts.setdefault((each.model, each.dataset, protocol), []).append(each)
    for (model, _, protocol), part in parts.items():
        write_record(folder / "records", Record(tuple(part), {}, slug(model), protocol))
    with (folder / "costs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, TITLES)
        writer.writeheader()
        for model, speed in (("good", 2.5), (NASTY, 1250.0)):
            about = {"model": model, "width": 512, "height": 384, "batch": 1, "device": "a CPU"}
            counts = {"parameters": 5_524_416, "macs_modules": 1, "macs_full": 1_250_000_000}
            writer.writerow({**about, **counts, "images_per_second": speed})
    return folder / "records"


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, bytes]], None]:
    """``pages(files)``: what the site has, in place of its own pages, which tests of it read."""

    def put(files: dict[str, bytes]) -> None:
        def build(records: Path, out: Path) -> None:
            for name, data in files.items():
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                if not (out / name).is_file() or (out / name).read_bytes() != data:
                    (out / name).write_bytes(data)

        monkeypatch.setattr(site, "build", build)

    put({"index.html": b"<p>"})
    return put


@pytest.fixture
def cli(pages: object, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """The command on ``tmp_path``: its exit code and what it says."""
    app = typer.Typer()
    app.command()(command)
    (tmp_path / "results").mkdir()
    at = ("--records", str(tmp_path / "results" / "records"), "--out", str(tmp_path / "results"))

    def call(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*at, *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return call


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    files = leaderboard.page_files(keep(tmp_path_factory.mktemp("kept"), rows()))
    text = files.pop("leaderboard.md").decode()
    shown = re.findall(r"^!\[.*\]\((.*)\)$", text, re.MULTILINE)
    assert shown == list(files) == [f"figures/{d}-correlation.cost.svg" for d in ("demo", "other")]
    for drawing in files.values():
        ElementTree.fromstring(drawing)
    return text


def lines(text: str, heading: str) -> list[dict[str, str]]:
    """The table under a heading that begins so, a mapping from column to cell for each line."""
    section = text.split(f"\n### {heading}", 1)[1].split("\n#", 1)[0]
    table = [line for line in section.splitlines() if line.startswith("| ")]
    plain = [re.sub(r"\*\*|</?u>", "", line) for line in table]  # without what marks the best
    split = [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in plain]
    found = [cells for cells in split[2:] if cells[0] != "Not ranked:"]
    return [dict(zip(split[0], cells, strict=True)) for cells in found]


def test_what_is_known_of_a_model_stands_in_its_line(text: str) -> None:
    good, nasty, yardstick = lines(text, "demo: pseudo-labels (not human opinion) · correlation")
    assert good == {
        "Rank": "1",
        "Model": "[good](site/models/good.html)",
        "Rank interval": "1",
        "Top group": "yes",
        "SRCC": r"0.900 \[.800, .950\]",
        "PLCC": "0.890",
        "SRCC published": "0.930",
        "PLCC published": "0.930",
        "N": "40/40",
        "Mode": "NR",
        "Contamination": "none",
        "Marks": "",
        "Parameters": "5.52 M",
        "MACs": "1.25 G",
        "Images/s": "2.5",
    }
    assert (nasty["Rank"], nasty["Rank interval"], nasty["Top group"]) == ("2", "2", "–")
    assert (nasty["Contamination"], nasty["Marks"]) == ("labels", "seen: labels")
    assert nasty["Images/s"] == "1,250.0"
    assert (yardstick["Rank"], yardstick["Marks"]) == ("–", "control")
    assert (yardstick["Rank interval"], yardstick["Images/s"]) == ("–", "–")
    assert "Published (good): A paper, Table 1." in text
    assert "Resolvable SRCC difference, median over pairs: 0.040" in text
    assert "one image (or pair) at 512 × 384, one at a time, on a CPU" in text


def test_pseudo_labels_are_called_so(text: str) -> None:
    assert "The labels of demo are pseudo-labels: computed, not given by people." in text


def test_links_to_files_lead_to_what_is_written(text: str, tmp_path: Path) -> None:
    leaderboard.write(keep(tmp_path / "kept", rows()), tmp_path / "out")
    links = re.findall(r"(?<!\\)\]\(([^)]*)\)", text)
    assert "site/index.html" in links
    assert [link for link in links if not (tmp_path / "out" / link).is_file()] == []


def test_names_are_text(text: str) -> None:
    assert "<script>" not in text.replace(r"\<script\>", "")
    assert f"[{escape(NASTY)}](site/models/{slug(NASTY)}.html)" in text
    assert not re.search(r"(?<!\\)\]\(javascript", text)


def test_skips_are_listed_with_reason_and_command(text: str) -> None:
    assert "- away: no weights here; to get it: `` fetch `it` ``\n" in text
    assert "1 model could not be measured" in text
    empty = text.split("## Without any number", 1)[1]
    assert "### probes: no labels · correlation" in empty
    assert "- good: the dataset has no labels\n" in empty


def test_a_comparison_stands_with_what_was_compared(text: str, tmp_path: Path) -> None:
    assert "## significance" not in text
    several = [replace(r, protocol_options='{"splits":"official"}') for r in ranked("good", 0.8)]
    records = keep(tmp_path, [*rows(), *several])
    found = leaderboard.page_files(records)["leaderboard.md"].decode()
    assert "## significance" in found  # of which options, nobody can tell


def test_what_was_not_tested_has_no_rank_interval(tmp_path: Path) -> None:
    few = {"marks": ("few contents (8)",), "metric": "srcc_p_holm", "value": None}
    pair = {"subset": "of=correlation versus=x", **few}
    untested = [row(m, protocol="significance", **pair) for m in ("good", NASTY)]
    found = leaderboard.page_files(keep(tmp_path, [*rows(), *untested]))["leaderboard.md"].decode()
    for line in lines(found, "demo: pseudo-labels (not human opinion) · correlation"):
        assert (line["Rank interval"], line["Top group"]) == ("–", "–")
    assert "- Rank interval and top group: not tested: 8 contents, 20 are needed." in found
    assert "Holm" not in found.split("## What the words mean")[0]


def test_a_model_more_was_not_in_the_tests(text: str, tmp_path: Path) -> None:
    assert "tested among" not in text
    found = leaderboard.page_files(keep(tmp_path, [*rows(), *ranked("edge", 0.8)]))
    page = found["leaderboard.md"].decode()
    assert "- Rank interval and top group: tested among 2 models, without edge." in page


def test_sections(text: str) -> None:
    heads = re.findall(r"^## (.*)", text, re.MULTILINE)
    assert heads == ["correlation", "sensitivity", "Without any number", "What the words mean"]
    (summary,) = re.findall(r"^### (correlation .*)", text, re.MULTILINE)
    assert summary == "correlation · 2 datasets · SRCC and PLCC"
    assert text.index(summary) < text.index("### demo: pseudo-labels")
    first = lines(text, summary)[0]
    assert first["Model"] == "[good](site/models/good.html)"
    assert first["Mean SRCC"] == "0.850"


def test_sensitivity_without_what_can_be_spared(text: str) -> None:
    (line,) = lines(text, "probes: no labels · sensitivity")
    assert (line["Index LSI"], line["False alarms"]) == ("0.420", "0.050")
    assert line["Detected at area 1/4"] == "0.770"
    assert not any("Band share" in column for column in line)


def test_the_same_records_give_the_same_bytes_anywhere(tmp_path: Path) -> None:
    one = leaderboard.page_files(keep(tmp_path / "here", rows()))
    assert one == leaderboard.page_files(keep(tmp_path / "there" / "deeper", rows()[::-1]))
    assert str(tmp_path) not in one["leaderboard.md"].decode()


def test_it_says_how_it_was_made_and_how_to_add_to_it(text: str) -> None:
    head = text.split("\n## ", 1)[0]
    assert "Made by `iqa-eval leaderboard`" in head
    (block,) = re.findall(r"```sh\n(.*?)```", head, re.DOTALL)
    assert len(block.splitlines()) == 3


def test_writing_and_checking(cli: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    out = tmp_path / "results"
    keep(out, FEW)
    code, said = cli("--check")
    assert code == 1
    assert "missing  " in said
    assert "leaderboard.md" in said
    assert not (out / "leaderboard.md").exists()  # it writes nothing

    assert cli()[0] == 0
    assert (out / "site" / "index.html").read_bytes() == b"<p>"
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert cli("--check")[0] == cli()[0] == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_what_is_not_up_to_date_is_named(
    cli: Callable[..., tuple[int, str]],
    pages: Callable[[dict[str, bytes]], None],
    tmp_path: Path,
) -> None:
    out = tmp_path / "results"
    keep(out, FEW)
    cli()
    (out / "leaderboard.md").write_text("edited by hand", "utf-8")
    (out / "figures" / "demo-correlation.cost.svg").unlink()
    (out / "figures" / "gone-correlation.cost.svg").write_text("<svg/>", "utf-8")
    (out / "figures" / "someone-elses.png").write_bytes(b"")
    (out / "site" / "odd.html").write_text("odd", "utf-8")
    pages({"index.html": b"<p>new", "models/good.html": b"<p>"})
    code, said = cli("--check")
    assert code == 1
    found = {
        Path(line.split(maxsplit=1)[1]).relative_to(out).as_posix(): line.split()[0]
        for line in said.splitlines()
        if str(out) in line
    }
    assert found == {
        "leaderboard.md": "stale",
        "figures/demo-correlation.cost.svg": "missing",
        "figures/gone-correlation.cost.svg": "surplus",
        "site/index.html": "stale",
        "site/models/good.html": "missing",
        "site/odd.html": "surplus",
    }
    cli()
    code, said = cli("--check")
    assert (code, said.count(str(out))) == (1, 1)
    assert "odd.html" in said  # what others have put there, they remove
    (out / "site" / "odd.html").unlink()
    assert cli("--check")[0] == 0
    assert (out / "figures" / "someone-elses.png").exists()


def test_a_record_more_makes_it_stale(cli: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    out = tmp_path / "results"
    keep(out, FEW)
    cli()
    keep(out, ranked("new", 0.95))
    code, said = cli("--check")
    assert code == 1
    assert re.search(r"stale +\S+leaderboard\.md", said)


@pytest.mark.parametrize("linked", ["site/models", "figures"])
def test_nothing_is_written_or_removed_through_a_link(tmp_path: Path, linked: str) -> None:
    records, out, other = (tmp_path / name for name in ("records", "out", "other"))
    write_record(records, Record((row("good"),), {}, "good", "correlation"))
    other.mkdir()
    for name in ("keep.html", "keep.cost.svg"):
        (other / name).write_text("precious")
    (out / linked).parent.mkdir(parents=True, exist_ok=True)
    (out / linked).symlink_to(other, target_is_directory=True)
    listed = {"files": ["models/keep.html"]}
    if linked == "site/models":
        (out / "site" / site.LIST).write_text(json.dumps(listed))
    before = {path.name: path.read_bytes() for path in other.iterdir()}
    if linked == "figures":  # none are drawn of one number without an interval
        leaderboard.write(records, out)
    else:
        with pytest.raises(ValueError, match=re.escape(f"{out / linked} is a link to {other}, ")):
            leaderboard.write(records, out)
    assert {path.name: path.read_bytes() for path in other.iterdir()} == before


def test_without_records_it_says_what_to_do(
    cli: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no records; .*iqa-eval results add"):
        cli()
    assert not any((tmp_path / "results").iterdir())
