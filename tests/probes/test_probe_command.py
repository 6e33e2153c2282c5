"""``iqa-eval probe`` from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from harness.sample import Dataset
from probes import demo
from probes.probe_command import app

Probe = Callable[..., Result]


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Probe:
    """The command on a small part of demo-probes."""
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "cache"))
    real = demo.demo_probes

    def small(seed: int = 0, root: Path | None = None) -> Dataset:
        whole = real(seed)
        samples = whole.samples[:8]
        references = tuple(r for r in whole.references if r.id == samples[0].content)
        return Dataset("demo-probes", samples, references)

    monkeypatch.setattr(demo, "demo_probes", small)
    return lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)])


def test_build_verify_and_render_again(probe: Probe, tmp_path: Path) -> None:
    out = tmp_path / "set"
    built = probe("build", "demo-probes", "--out", out, "--seed", 3, "--workers", 1)
    assert built.exit_code == 0, built.output
    assert "9 images" in built.output
    about = json.loads((out / "probe_set.json").read_text())
    assert about["options"] == {"seed": 3}
    assert about["set_hash"] in built.output
    looked = probe("verify", out, "--render", "--workers", 1)
    assert looked.exit_code == 0, looked.output
    assert "as it was built" in looked.output
    next((out / "images").rglob("*.png")).unlink()
    looked = probe("verify", out)
    assert looked.exit_code == 1
    assert "missing      1" in looked.output


def test_a_set_of_other_photographs_needs_their_folder_again(probe: Probe, tmp_path: Path) -> None:
    out, photographs = tmp_path / "set", tmp_path / "photographs"
    photographs.mkdir()
    built = probe("build", "demo-probes", "--out", out, "--root", photographs, "--workers", 1)
    assert built.exit_code == 0, built.output
    assert all(str(tmp_path) not in path.read_text() for path in out.glob("*.[jm]*[nd]"))
    refused = probe("verify", out, "--render")
    assert "folder 'photographs': give its --root" in str(refused.exception)
    looked = probe("verify", out, "--render", "--root", photographs, "--workers", 1)
    assert looked.exit_code == 0, looked.output


def test_errors_say_what_to_do(probe: Probe, tmp_path: Path) -> None:
    def error(*arguments: object) -> str:
        found = probe(*arguments)
        assert isinstance(found.exception, ValueError | OSError), found.output
        return str(found.exception)

    out = ("--out", tmp_path / "set")
    assert "did you mean" in error("build", "demo-prob", *out)
    assert "no option 'budget'" in error("build", "demo-probes", *out, "--budget", 5)
    assert "no probe set" in error("verify", tmp_path)
    assert "at least 1" in error("build", "demo-probes", *out, "--workers", 0)
    assert "nothing to show" in error("show", "demo", "--out", tmp_path / "a.png")


def test_show_writes_a_sheet(probe: Probe, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    shown = probe("show", "demo-probes", "--out", out, "--n", 2)
    assert shown.exit_code == 0, shown.output
    with Image.open(out) as sheet:
        assert sheet.width > 1000
