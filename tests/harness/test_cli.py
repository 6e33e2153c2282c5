"""The command: quick to answer, one line for what is wrong, exit codes that scripts can use."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from harness import score
from harness.cli import main
from harness.cli_options import options_of
from harness.records import read_records
from tests.conftest import Sharpness

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "pandas", "numpy", "PIL", "pyiqa", "scipy", "sklearn", "matplotlib", "datasets")

MODELS = '''
import time

import torch

from harness import ModelCard
from harness.model import TrainedOn


class Brightness:
    """The mean value."""

    def __init__(self, scale=1.0, seconds=0.0):
        self.scale, self.seconds = scale, seconds
        self.card = ModelCard("brightness", "1", "NR", "mean value", "MIT", trained_on=())

    def score(self, images):
        time.sleep(self.seconds)
        return torch.stack([self.scale * image.double().mean() for image in images])


class Error:
    """Minus the mean squared error."""

    def __init__(self):
        self.card = ModelCard("error", "1", "FR", "minus the MSE", "MIT", trained_on=())

    def score_pair(self, images, references):
        pairs = zip(images, references)
        return -torch.stack([(a.double() - b.double()).square().mean() for a, b in pairs])


class Promises:
    """Breaks its word."""

    def __init__(self):
        self.card = ModelCard("promises", "1", "NR", "", trained_on=())

    def score(self, images):
        return [1.0 for image in images]


def bug():
    """Does not work."""
    raise RuntimeError("a bug")


class Seen(Brightness):
    """Has seen labels."""

    def __init__(self):
        seen = (TrainedOn("koniq10k", role="labels"),)
        self.scale, self.seconds = 1.0, 0.0
        self.card = ModelCard("seen", "1", "NR", trained_on=seen)


class Encoder:
    """Features only; with a head it would score."""

    def __init__(self, head=None):
        self.card = ModelCard("encoder", "1", "NR", trained_on=())

    def features(self, images):
        return torch.stack([image.float().mean((1, 2)) for image in images])[:, None]


class Headless(Encoder):
    """Features, whatever is asked for."""

    def __init__(self):
        self.card = ModelCard("headless", "1", "NR", trained_on=())


def imports():
    """Would be seen, if it were made."""
    raise SystemError("it was made")


class Fails(Brightness):
    """Fails, always."""

    def __init__(self):
        self.card = ModelCard("fails", "1", "NR", trained_on=())

    def score(self, images):
        raise RuntimeError("never")


class Sometimes(Brightness):
    """Fails for dark images."""

    def __init__(self):
        self.scale, self.seconds = 1.0, 0.0
        self.card = ModelCard("sometimes", "1", "NR", trained_on=())

    def score(self, images):
        if any(image.double().mean() < 100 for image in images):
            raise RuntimeError("too dark")
        return super().score(images)


def lacking():
    """Is not here."""
    from harness import Unavailable

    raise Unavailable("lacking: no weights", "fetch lacking")


def hello(name: str = "you"):
    """Greet."""
    print(f"hello {name}")
'''
GROUPS = {
    "models": {
        **{"brightness": "Brightness", "error": "Error", "promises": "Promises", "bug": "bug"},
        **{"lacking": "lacking", "seen": "Seen", "encoder": "Encoder", "headless": "Headless"},
        **{"imports": "imports", "fails": "Fails", "sometimes": "Sometimes"},
    },
    "commands": {"hello": "hello", "absent": "absent"},
}


@pytest.fixture
def site(install) -> Path:
    return install("plug", MODELS, GROUPS)


@pytest.fixture
def cli(site, monkeypatch, capsys, tmp_path):
    """``cli(*arguments)``: exit code, output and complaints of one call in this process."""
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # main has its own

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["iqa-eval", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        found = capsys.readouterr()
        return int(end.value.code or 0), found.out, found.err

    return call


def refused(result: tuple[int, str, str]) -> str:
    """The one line that a refusal is."""
    code, out, err = result
    assert code == 2
    assert out == ""
    assert err.startswith("iqa-eval: ")
    assert err.count("\n") == 1
    return err


# Quick -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["demo", "--help"], ["card", "--help"]]
)
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from harness.cli import main\n"
        f"sys.argv = ['iqa-eval', *{arguments}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('HEAVY', [m for m in {HEAVY} if m in sys.modules])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "Usage: " in found.stdout
    assert found.stdout.endswith("HEAVY []\n"), found.stdout + found.stderr


def test_importing_the_packages_loads_nothing_heavy():
    code = (
        f"import sys, harness, probes, baselines; print([m for m in {HEAVY} if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert found.stdout == "[]\n", found.stderr


def test_version(cli):
    code, out, err = cli("--version")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"iqa-eval \d+\.\d+\S*\n", out)


@pytest.mark.parametrize("command", ["run", "demo", "hello"])
def test_every_help_is_drawn_alike(cli, command):
    code, out, _ = cli(command, "--help")
    assert code == 0
    assert "Options:\n  --" in out
    assert not set("─│╭╰") & set(out)


# list, check, commands -------------------------------------------------------------------


def test_list(cli):
    code, out, _ = cli("list", "models")
    assert code == 0
    assert "brightness" in out
    assert "The mean value.  [plug 1.0]" in out
    assert "unknown kind of thing 'modles'; did you mean models" in refused(cli("list", "modles"))


@pytest.mark.parametrize("what", ["models", "datasets", "protocols", "degradations"])
def test_our_own_things_are_listed_without_a_warning(cli, what):
    code, out, _ = cli("list", what)
    ours = [line for line in out.splitlines() if "iqa-eval" in line]
    assert code == 0
    assert ours
    assert not [line for line in out.splitlines() if "warning" in line or "``" in line]


def test_check(cli):
    code, out, _ = cli("check", "brightness", "--option", "scale=2.5")
    assert code == 0
    assert out.splitlines()[-1] == "brightness: 8 of 8 checks passed"
    code, out, _ = cli("check", "promises")
    assert code == 1
    assert "FAIL  score: shape and type: ContractError: score returned a list" in out
    assert "unknown model 'brightnes'" in refused(cli("check", "brightnes"))
    assert refused(cli("check", "brightness", "--option=scal=1")) == (
        "iqa-eval: brightness has no option 'scal'; did you mean scale? options: scale, seconds\n"
    )
    assert "write NAME=VALUE" in refused(cli("check", "brightness", "--option", "scale"))
    assert "'bug' cannot be made: RuntimeError: a bug" in refused(cli("check", "bug"))


def test_commands_of_packages(cli):
    code, out, _ = cli("--help")
    assert code == 0
    assert "hello" in out
    assert "Greet." in out
    assert cli("hello", "--name", "world")[:2] == (0, "hello world\n")
    assert "'absent' of plug 1.0 cannot be loaded" in refused(cli("absent"))


@pytest.mark.parametrize("arguments", [["no-such-command"], ["run", "--no-such-option"], ["score"]])
def test_wrong_usage_is_exit_code_2(cli, arguments):
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert "Usage: " in err


# score -----------------------------------------------------------------------------------


def test_score(cli, photos):
    good = photos / "scene0_0.jpg"
    code, out, err = cli("score", good, "-m", "brightness", "--option", "scale=0")
    assert (code, out, err) == (0, f"{good}\t0\n", "")
    assert cli("score", good, "-m", "brightness", "--device", "cpu")[0] == 0
    code, out, _ = cli("score", good, photos / "scene0_3.jpg", "-m", "error", "-r", good)
    assert code == 0
    first, second = (float(line.split("\t")[1]) for line in out.splitlines())
    assert first == 0
    assert second < -100


def test_score_of_a_folder_is_that_of_its_images(cli, photos, tmp_path):
    code, out, _ = cli("score", photos, "-m", "brightness")
    named = sorted(p for p in photos.rglob("*") if p.suffix == ".jpg")
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == [str(p) for p in named]
    assert out == cli("score", *named, "-m", "brightness")[1]
    (empty := tmp_path / "empty").mkdir()
    code, out, err = cli("score", empty, "-m", "brightness")
    assert (code, out) == (2, "")
    assert "no images in it" in err


def test_score_of_bad_files_is_a_line_each_and_exit_code_1(cli, photos):
    good, cut = photos / "scene0_0.jpg", photos / "cut.jpg"
    cut.write_bytes(good.read_bytes()[:600])
    code, out, err = cli("score", cut, photos / "no.jpg", good, "-m", "brightness")
    assert (code, err) == (1, "")
    lines = [line.split("\t") for line in out.splitlines()]
    assert [line[1] for line in lines[:2]] == ["-", "-"]
    assert lines[1][2] == "file not found"
    assert float(lines[2][1]) > 0
    assert lines[2][2:] == []


def test_score_says_which_of_two_files_is_bad(cli, photos):
    one, other = photos / "scene0_0.jpg", photos / "scene0_1.jpg"
    references = ("-r", photos / "no.jpg", "-r", other)
    code, out, _ = cli("score", one, photos / "gone.jpg", "-m", "error", *references)
    assert code == 1
    reasons = [line.split("\t")[2] for line in out.splitlines()]
    assert reasons == ["reference: file not found", "file not found"]


@pytest.mark.parametrize("kind", [str, Path])
def test_score_of_one_image_needs_no_list(photos, kind):
    image = kind(photos / "scene0_0.jpg")
    one, listed = score(image, Sharpness()), score([image], Sharpness())
    assert one["image"].tolist() == [str(image)]
    assert one["score"].tolist() == listed["score"].tolist()
    assert one["reason"].tolist() == [None]


def test_score_of_too_large_an_image_names_the_limit(photos, monkeypatch):
    model = Sharpness("sharp", max_pixels=3000)
    frame = score([photos / "scene0_0.jpg"], model)
    assert frame["reason"].tolist() == [
        "64 × 48 pixels: more than the 3,000 that sharp takes (max_pixels); make it smaller first"
    ]


def test_score_moves_a_model_that_can_be_moved_where_it_is_told(photos):
    class Movable(Sharpness):
        device = "unmoved"

        def to(self, device: str) -> None:
            self.device = device

    model = Movable()
    score([photos / "scene0_0.jpg"], model)
    assert model.device == "unmoved"
    score([photos / "scene0_0.jpg"], model, device="meta")
    assert model.device == "meta"


def test_score_says_what_is_missing(cli, photos):
    one, other = photos / "scene0_0.jpg", photos / "scene0_1.jpg"
    assert "give --reference" in refused(cli("score", one, "-m", "error"))
    assert "leave the reference out" in refused(cli("score", one, "-m", "brightness", "-r", one))
    many = cli("score", one, one, one, "-m", "error", "-r", one, "-r", other)
    assert "3 images but 2 references" in refused(many)
    assert "unknown model 'errr'; did you mean error" in refused(cli("score", one, "-m", "errr"))
    advice = "gives features, not scores: use the linear-probe protocol on a labeled dataset"
    assert refused(cli("score", one, "-m", "headless")) == f"iqa-eval: headless: {advice}\n"
    assert refused(cli("score", one, "-m", "encoder")) == (
        f"iqa-eval: encoder: {advice}, or give it a head, if it has one: iqa-eval card encoder\n"
    )


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            ["brightness.scale=2"],
            "'brightness.scale=2': write scale=…: --option is of the one model",
        ),
        (["scale=1", "scale=2"], "'scale=2': scale is given twice"),
        (["scale"], "'scale': write NAME=VALUE"),
        (["name=x"], "'name=x': name is no option"),
        (["images=x"], "brightness has no option 'images'; options: scale, seconds"),
    ],
)
@pytest.mark.parametrize("command", ["score", "check", "card"])
def test_options_of_one_model(cli, photos, command, option, said):
    given = [f"--option={text}" for text in option]
    model = (photos / "scene0_0.jpg", "-m", "brightness") if command == "score" else ("brightness",)
    assert said in refused(cli(command, *model, *given))


# run and report --------------------------------------------------------------------------


def test_run_writes_records_tables_and_a_page(cli, table, tmp_path):
    out = tmp_path / "out"
    code, text, err = cli(
        "run", "--models", "brightness,error", "--datasets", table, "--out", out, "--workers", 2
    )
    assert (code, err.count("Traceback")) == (0, 0)
    assert f"The page with all tables and figures: {out / 'index.html'}" in text
    assert "brightness" in text
    assert (out / "index.html").is_file()
    assert {row.model for row in read_records(out / "records")} == {"brightness", "error"}
    (out / "index.html").unlink()
    code, text, _ = cli("report", out)
    assert code == 0
    assert (out / "index.html").is_file()


def test_run_from_a_suite_file(cli, table, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"models: [{{name: brightness, scale: 2}}]\ndatasets: ['{table}']\nseed: 3\n")
    assert cli("run", suite, "--out", tmp_path / "out")[0] == 0
    rows = read_records(tmp_path / "out" / "records")
    assert {(row.options, row.seed) for row in rows} == {('{"scale":2}', 3)}
    for extra in (("--models", "brightness"), ("--seed", 1), ("--model-option", "a.b=1")):
        assert "a suite file names" in refused(cli("run", suite, *extra))


def test_a_suite_file_can_leave_the_models_open(cli, table, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"datasets: ['{table}']\nseed: 3\n")
    models = ("--models", "brightness", "--model-option", "brightness.scale=2")
    assert cli("run", suite, *models, "--out", tmp_path / "out")[0] == 0
    rows = read_records(tmp_path / "out" / "records")
    assert {(row.model, row.options, row.seed) for row in rows} == {
        ("brightness", '{"scale":2}', 3)
    }
    assert "models: Field required" in refused(cli("run", suite))
    assert "no model 'other' is run here, but brightness" in refused(
        cli("run", suite, "--models", "brightness", "--model-option", "other.scale=2")
    )


def test_suites_that_come_along_want_models(cli):
    assert refused(cli("run", "probes-default")) == (
        "iqa-eval: probes-default: name the --models that it is to run\n"
    )
    found = refused(cli("run", "probes-defualt", "--models", "brightness"))
    assert "no such suite file, nor one of probes-default, probes-full" in found


def test_options_of_models_and_protocols(cli, table, tmp_path):
    out = tmp_path / "out"
    code, _, _ = cli(
        *("run", "--models", "brightness,error", "--datasets", table, "--out", out),
        *("--workers", 1, "--protocols", "correlation,krasula"),
        *("--model-option", "brightness.scale=2.5", "--model-option", "brightness.seconds=0"),
        *("--protocol-option", "krasula.observers=20"),
    )
    assert code == 0
    rows = read_records(out / "records")
    assert {(row.model, row.options) for row in rows} == {
        ("brightness", '{"scale":2.5,"seconds":0}'),
        ("error", "{}"),
    }
    assert {(row.protocol, row.protocol_options) for row in rows} == {
        ("correlation", "{}"),
        ("krasula", '{"observers":20}'),
    }


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            "--model-option=brightnes.scale=2",
            "--model-option 'brightnes.scale=2': no model 'brightnes' is run here, but brightness",
        ),
        ("--model-option=scale=2", "--model-option 'scale=2': write MODEL.NAME=VALUE"),
        ("--model-option=brightness.scale", "write MODEL.NAME=VALUE"),
        ("--model-option=brightness.=1", "write MODEL.NAME=VALUE"),
        ("--model-option=brightness.scale=[1", "'brightness.scale=[1': the value cannot be read"),
        (
            "--protocol-option=linear-probe.splits=official",
            "no protocol 'linear-probe' is run here, but correlation",
        ),
        ("--protocol-option=splits=official", "write PROTOCOL.NAME=VALUE"),
        ("--dataset-option=better", "--dataset-option 'better': write NAME=VALUE"),
        (
            "--dataset-option=labels.csv.better=lower",
            "write better=…: --dataset-option is of every dataset",
        ),
        (
            "--model-option=brightness.scale=1 --model-option=brightness.scale=1",
            "--model-option 'brightness.scale=1': scale is given twice",
        ),
        (
            "--protocol-option=correlation.a=1 --protocol-option=correlation.a=2",
            "--protocol-option 'correlation.a=2': a is given twice",
        ),
        (
            "--dataset-option=better=lower --dataset-option=better=lower",
            "--dataset-option 'better=lower': better is given twice",
        ),
        ("--model-option=brightness.name=x", "'brightness.name=x': name is no option"),
    ],
)
def test_options_of_nothing_in_the_run_are_refused(cli, table, option, said):
    arguments = ("--models", "brightness", "--datasets", table)
    assert said in refused(cli("run", *arguments, *option.split()))


def test_names_of_models_hold_dots_and_colons():
    values = ["timm:resnet50.a1_in1k.weights=a.b=c.pth", "scores:my.csv.direction=lower"]
    known = ["timm:resnet50.a1_in1k", "scores:my.csv", "other"]
    assert options_of("model", known, values) == {
        "timm:resnet50.a1_in1k": {"weights": "a.b=c.pth"},
        "scores:my.csv": {"direction": "lower"},
        "other": {},
    }


def test_unknown_names_stop_a_run_before_anything_is_loaded(cli, table, tmp_path):
    out = tmp_path / "out"
    start = ("run", "--models", "imports,brightnes", "--datasets", f"{table},demmo,no.csv")
    found = refused(cli(*start, "--protocols", "correlation,corelation", "--out", out))
    assert found.startswith("iqa-eval: unknown model 'brightnes'; did you mean brightness")
    for kind, wrong, right in (("dataset", "demmo", "demo"), ("protocol", "corelation", "corr")):
        assert f" | unknown {kind} '{wrong}'; did you mean {right}" in found
    assert found.count("unknown") == 3
    assert not out.exists()
    assert not (tmp_path / "cache").exists()
    for wrong in ("pyiqa", "brightness:x"):
        found = refused(cli("run", "--models", wrong, "--datasets", table, "--out", out))
        assert wrong.partition(":")[0] in found


def test_unknown_names_of_a_suite_file_stop_it_too(cli, table, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        f"models: [brightness, {{name: Brightness, scale: 2}}]\n"
        f"datasets: ['{table}', 'hf:no/set']\n"
        "protocols: [correlation, {name: Krasula, threshold: 0.1}]\n"
    )
    assert refused(cli("run", suite, "--out", tmp_path / "out")) == (
        "iqa-eval: unknown model 'Brightness'; did you mean brightness? | "
        "unknown protocol 'Krasula'; did you mean krasula?\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("krasula.observer=20", "protocol 'krasula' has no option 'observer'; did you mean obs"),
        ("krasula.observers=0.5", "observers must be at least 1, not 0.5"),
        ("correlation.x=1", "protocol 'correlation' takes no options, not x"),
    ],
)
def test_protocols_refuse_options_before_anything_is_loaded(cli, table, tmp_path, option, said):
    start = ("run", "--models", "imports", "--datasets", table, "--out", tmp_path / "out")
    protocols = ("--protocols", "correlation,krasula", "--protocol-option", option)
    assert refused(cli(*start, *protocols)).startswith(f"iqa-eval: {said}")
    assert not (tmp_path / "out").exists()
    suite = tmp_path / "suite.yaml"
    name, _, value = option.replace("=", ": ").partition(".")
    suite.write_text(f"models: [imports]\ndatasets: [demo]\nprotocols: [{{name: {name}, {value}}}]")
    assert refused(cli("run", suite, "--out", tmp_path / "out")).startswith(f"iqa-eval: {said}")


def test_options_that_a_dataset_does_not_have_are_refused_at_once(cli, tmp_path):
    start = ("run", "--models", "imports", "--datasets", "probes-default", "--protocols", "krasula")
    run = cli(*start, "--dataset-option", "bugdet=9", "--out", tmp_path / "out")
    assert refused(run) == (
        "iqa-eval: dataset 'probes-default' has no option 'bugdet'; did you mean budget? "
        "options: root, budget, seed, head\n"
    )
    assert not (tmp_path / "out").exists()


def test_what_is_broken_costs_its_own_rows_and_is_a_failure_if_nothing_came_of_it(
    cli, install, table, tmp_path
):
    install("hollow", "", {"models": {"broken": "no_such_thing"}})
    out = tmp_path / "out"
    arguments = ("--datasets", table, "--protocols", "correlation", "--workers", 1, "--out")
    code, _, _ = cli("run", "--models", "brightness,bug", *arguments, out)
    assert code == 0
    reasons = {row.model: row.reason for row in read_records(out / "records")}
    assert reasons["bug"] == "'bug' cannot be made: RuntimeError: a bug"
    code, _, err = cli("run", "--models", "bug,broken", *arguments, tmp_path / "none")
    assert code == 1
    assert "no number: 'bug' cannot be made: RuntimeError: a bug" in err
    assert "no number: 'broken' of hollow 1.0 cannot be loaded: AttributeError" in err


def test_what_cannot_be_used_is_said_before_anything_is_computed(cli, table, tmp_path):
    absent = tmp_path / "no.csv"
    code, _, err = cli(
        *("run", "--models", "brightness,bug", "--datasets", f"{table},{absent}"),
        *("--protocols", "correlation,krasula", "--out", tmp_path / "out", "--workers", 1),
    )
    assert code == 0
    lines = err.replace("\r", "\n").splitlines()
    cache = tmp_path / "cache"
    assert lines[0] == f"2 models × 2 datasets × 2 protocols; finished work is kept in {cache}"
    assert any(re.fullmatch(r"0 of \d+ results reused, \d+ computed", line) for line in lines)
    start = next(i for i, line in enumerate(lines) if "result" in line)  # the progress bar
    warned = [line for line in lines[:start] if line.startswith("warning: ")]
    assert [line.partition(";")[0] for line in warned] == [
        f"warning: {absent}: no such table",
        "warning: 'bug' cannot be made: RuntimeError: a bug",
    ]


def test_a_table_that_is_a_copy_of_a_known_set_says_so(cli, table, tmp_path):
    def found(name: str, *extra: str) -> set[str]:
        arguments = ("--models", "seen", "--datasets", table, "--workers", 1)
        assert cli("run", *arguments, *extra, "--out", tmp_path / name)[0] == 0
        return {row.contamination for row in read_records(tmp_path / name / "records")}

    assert found("untold") == {"unknown"}
    assert found("told", "--dataset-option", "known_as=koniq10k") == {"labels"}
    assert found("other", "--dataset-option", "known_as=kadid10k") == {"none"}


def test_weights_that_are_not_here_are_no_warning(cli, table, tmp_path):
    arguments = ("--datasets", table, "--out", tmp_path / "out", "--workers", 1)
    code, out, err = cli("run", "--models", "brightness,lacking", *arguments)
    assert code == 0
    assert "lacking: no weights" in out
    assert "warning" not in err


def test_why_there_is_no_number_is_said_even_where_nothing_applies(cli, photos, tmp_path):
    table = photos / "bare.csv"
    table.write_text("image\nscene0_0.jpg\nscene0_1.jpg\n")
    arguments = ("--datasets", table, "--out", tmp_path / "out", "--workers", 1)
    code, _, err = cli("run", "--models", "brightness,error", *arguments)
    assert code == 1
    said = [line for line in err.splitlines() if line.startswith("no number: ")]
    assert said == ["no number: the dataset has no labels"]


def test_a_model_that_fails_on_every_image_is_exit_code_1(cli, table, tmp_path):
    out = tmp_path / "out"
    arguments = ("--datasets", table, "--protocols", "correlation", "--workers", 1, "--out", out)
    code, _, err = cli("run", "--models", "brightness,fails", *arguments)
    assert code == 1
    (line,) = [line for line in err.splitlines() if line.startswith("failed: ")]
    assert line == (
        "failed: every image of labels with fails (correlation): a correlation needs 3 samples, "
        "0 can be used; 18 failed: first scene0_1.jpg: RuntimeError: never"
    )
    # What does not apply, or is not here, is no failure.
    assert cli("run", "--models", "brightness,error,lacking", *arguments)[0] == 0
    assert cli("run", "--models", "brightness,sometimes", *arguments)[0] == 0


def test_a_root_that_is_not_there_stops_a_run_before_a_record_is_replaced(cli, table, tmp_path):
    out = tmp_path / "out"
    arguments = ("--datasets", table, "--protocols", "correlation", "--workers", 1, "--out", out)
    run = ("run", "--models", "brightness", *arguments)
    assert cli(*run)[0] == 0
    before = {path: path.read_bytes() for path in (out / "records").rglob("*.json")}
    gone = tmp_path / "gone"
    assert refused(cli(*run, "--root", gone)) == (
        f"iqa-eval: {gone}: no such folder; --root is that of the datasets' images\n"
    )
    assert {path: path.read_bytes() for path in (out / "records").rglob("*.json")} == before


@pytest.mark.parametrize("workers", [0, -3])
def test_fewer_than_one_worker_is_refused(cli, table, workers):
    found = cli("run", "--models", "brightness", "--datasets", table, "--workers", workers)
    assert f"workers is {workers}: give at least 1" in refused(found)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_an_out_that_cannot_be_written_is_said_before_anything_is_computed(
    cli, table, tmp_path, name
):
    (tmp_path / "file").touch()
    arguments = ("--models", "brightness", "--datasets", table, "--out", tmp_path / name)
    code, out, err = cli("run", *arguments)
    assert (code, out) == (2, "")
    assert f"iqa-eval: cannot write to {tmp_path / name}: " in err.splitlines()[-1]
    assert not (tmp_path / "cache").exists()


def test_warnings_are_one_plain_line(site, photos, tmp_path):
    (photos / "odd.csv").write_text("image,mos\nscene0_0.jpg,3\n")
    command = [sys.executable, "-m", "harness.cli", "run", "--models", "brightness", "--datasets"]
    found = subprocess.run(
        [*command, photos / "odd.csv", "--out", tmp_path / "out", "--cache", tmp_path / "cache"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
    )
    expected = f"warning: {photos / 'odd.csv'}: no column 'label'; not used: mos; known: "
    (line,) = [line for line in found.stderr.splitlines() if "mos" in line]
    assert line.startswith(expected)
    assert ".py" not in found.stderr


def test_run_says_what_it_lacks(cli, tmp_path):
    assert "name --models and --datasets" in refused(cli("run"))
    assert "name --models and --datasets" in refused(cli("run", "--models", "brightness"))
    assert "no.yaml: no such suite file" in refused(cli("run", tmp_path / "no.yaml"))
    assert "holds no records" in refused(cli("report", tmp_path))


def test_a_cache_that_cannot_be_written_is_one_line(cli, table, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = cli(
        *("run", "--models", "brightness", "--datasets", table, "--workers", 1),
        *("--cache", tmp_path / "file", "--out", tmp_path / "out"),
    )
    assert code == 2
    assert "iqa-eval: cannot write to " in err
    assert "--cache or the variable IQA_EVAL_CACHE names another folder" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_a_word(site, table, tmp_path):
    options = tmp_path / "suite.yaml"
    options.write_text(f"models: [{{name: brightness, seconds: 0.2}}]\ndatasets: ['{table}']\n")
    command = [sys.executable, "-m", "harness.cli", "run", options, "--out", tmp_path / "out"]
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    cache = tmp_path / "cache"
    child = subprocess.Popen(
        [*map(str, command), "--cache", str(cache), "--workers", "2"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while "result" not in (child.stderr.readline() if child.stderr else ""):  # the progress bar
        assert time.monotonic() < end
        assert child.poll() is None
    time.sleep(0.5)
    os.killpg(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert err.splitlines()[-1] == (
        "iqa-eval: stopped; what was finished is kept, run again to go on"
    )
    assert "Traceback" not in err
    assert list(cache.rglob("*.safetensors"))
