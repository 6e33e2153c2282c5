"""The command: quick to answer, one line for what is wrong, exit codes that scripts can use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.cli import main
from harness.records import read_records

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "pandas", "numpy", "PIL", "pyiqa", "scipy", "sklearn", "matplotlib", "datasets")

MODELS = '''
import time

import torch

from harness import ModelCard


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


def hello(name: str = "you"):
    """Greet."""
    print(f"hello {name}")
'''
GROUPS = {
    "models": {"brightness": "Brightness", "error": "Error", "promises": "Promises", "bug": "bug"},
    "commands": {"hello": "hello", "absent": "absent"},
}


@pytest.fixture
def site(install) -> Path:
    return install("plug", MODELS, GROUPS)


@pytest.fixture
def cli(site, monkeypatch, capsys, tmp_path):
    """``cli(*arguments)``: exit code, output and complaints of one call in this process."""
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "cache"))

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


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["demo", "--help"]])
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
    assert not [line for line in out.splitlines() if "warning" in line]


def test_check(cli):
    code, out, _ = cli("check", "brightness", "--option", "scale=2.5")
    assert code == 0
    assert out.splitlines()[-1] == "brightness: 8 of 8 checks passed"
    code, out, _ = cli("check", "promises")
    assert code == 1
    assert "FAIL  score: shape and type: ContractError: score returned a list" in out
    assert "unknown model 'brightnes'" in refused(cli("check", "brightnes"))
    assert "unexpected keyword argument 'x'" in refused(cli("check", "brightness", "--option=x=1"))
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
    code, out, _ = cli("score", good, photos / "scene0_3.jpg", "-m", "error", "-r", good)
    assert code == 0
    first, second = (float(line.split("\t")[1]) for line in out.splitlines())
    assert first == 0
    assert second < -100


def test_score_of_bad_files_is_a_line_each_and_exit_code_1(cli, photos):
    good, cut = photos / "scene0_0.jpg", photos / "cut.jpg"
    cut.write_bytes(good.read_bytes()[:600])
    code, out, err = cli("score", cut, photos / "no.jpg", photos, good, "-m", "brightness")
    assert (code, err) == (1, "")
    lines = [line.split("\t") for line in out.splitlines()]
    assert [line[1] for line in lines[:3]] == ["-", "-", "-"]
    assert [line[2] for line in lines[1:3]] == ["file not found", "a directory, not a file"]
    assert float(lines[3][1]) > 0
    assert lines[3][2:] == []


def test_score_says_what_is_missing(cli, photos):
    one, other = photos / "scene0_0.jpg", photos / "scene0_1.jpg"
    assert "give --reference" in refused(cli("score", one, "-m", "error"))
    assert "leave the reference out" in refused(cli("score", one, "-m", "brightness", "-r", one))
    many = cli("score", one, one, one, "-m", "error", "-r", one, "-r", other)
    assert "3 images but 2 references" in refused(many)
    assert "unknown model 'errr'; did you mean error" in refused(cli("score", one, "-m", "errr"))


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
    for extra in (("--models", "brightness"), ("--seed", 1), ("--root", tmp_path)):
        assert "a suite file names" in refused(cli("run", suite, *extra))


def test_run_with_bad_names_goes_on_and_fails_only_if_nothing_came_of_it(cli, table, tmp_path):
    out = tmp_path / "out"
    arguments = ("--datasets", table, "--protocols", "correlation", "--out", out)
    code, text, _ = cli("run", "--models", "brightness,brightnes,bug", *arguments)
    assert code == 0
    reasons = {row.model: row.reason for row in read_records(out / "records")}
    assert reasons["brightnes"].startswith("unknown model 'brightnes'; did you mean brightness")
    assert reasons["bug"] == "'bug' cannot be made: RuntimeError: a bug"
    code, text, _ = cli("run", "--models", "brightnes", *arguments[:-1], tmp_path / "none")
    assert code == 1
    assert "did you mean brightness" in text


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
