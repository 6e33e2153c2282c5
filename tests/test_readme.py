"""The README's examples are run as they stand: a stranger's package beside ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def blocks(language: str, section: str) -> list[str]:
    """The fenced blocks of ``language`` in the section under the heading ``section``."""
    text = README.read_text("utf-8").split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the README's package, as an installer would leave it."""
    folder = tmp_path_factory.mktemp("site")
    code = blocks("python", "Add your model") + blocks("python", "Add your dataset")
    (folder / "my_iqa.py").write_text("\n".join(code))
    project = tomllib.loads(blocks("toml", "Add your model")[0])["project"]
    about = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = [
        f"[{group}]\n" + "\n".join(f"{name} = {target}" for name, target in points.items())
        for group, points in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n".join(groups) + "\n")
    return folder


@pytest.fixture
def cli(stranger: Path, tmp_path: Path):
    """The command line with the stranger's package on the path."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(stranger),
        "IQA_EVAL_CACHE": str(tmp_path / "cache"),
    }

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "harness.cli", *map(str, arguments)]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
        )

    return call


def test_the_examples_are_about_twenty_lines() -> None:
    for section in ("Add your model", "Add your dataset"):
        lines = [line for block in blocks("python", section) for line in block.splitlines()]
        assert len([line for line in lines if line.strip()]) <= 25


def test_the_example_model_is_listed_and_keeps_the_contract(cli) -> None:
    listed = cli("list", "models")
    assert "contrast" in listed.stdout
    assert "my-iqa 1.0" in listed.stdout
    checked = cli("check", "contrast")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_example_model_and_dataset_run(cli, photos: Path, tmp_path: Path) -> None:
    names = [f"scene{scene}_{level}.jpg" for scene in range(6) for level in range(4)]
    lines = [f"{5 - int(name[7]) + int(name[5]) / 10} {name}" for name in names]
    (photos / "mos.txt").write_text("\n".join(lines) + "\n")
    arguments = ("--models", "contrast", "--datasets", "my-photos", "--root", photos)
    result = cli("run", *arguments, "--out", tmp_path / "out", "--workers", 1)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "contrast" in result.stdout
    assert (tmp_path / "out" / "records" / "contrast" / "my-photos" / "correlation.json").is_file()
    assert (tmp_path / "out" / "index.html").is_file()


def test_the_python_example_runs(photos: Path, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("pyiqa")
    from PIL import Image

    rows = ["image,label,reference"]
    rows += [f"scene{s}_{n}.jpg,{5 - n},scene{s}_0.jpg" for s in range(6) for n in (1, 2, 3)]
    (photos / "labels.csv").write_text("\n".join(rows) + "\n")
    for name in ("coded", "original"):
        Image.open(photos / f"scene0_{int(name == 'coded')}.jpg").save(photos / f"{name}.png")
    monkeypatch.chdir(photos)
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "cache"))
    scope: dict = {}
    exec("\n".join(blocks("python", "Two commands")), scope)
    srcc = scope["rows"].query("metric == 'srcc' and subset == 'all'")["value"].item()
    assert srcc > 0.9
