"""The GitHub Action and the pre-commit hook, run as those programs would run them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.harness.gating.small import GOLDEN, Smoothness, records

ROOT = Path(__file__).parents[3]
ACTION = ROOT / ".github" / "actions" / "iqa-gate"


@pytest.fixture(scope="module")
def worse(tmp_path_factory):
    return records(tmp_path_factory.mktemp("worse"), Smoothness(sign=1))


@pytest.fixture
def environment(tmp_path):
    """One in which ``iqa-eval`` is on the path, and what the action's step would be given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "iqa-eval"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m harness.cli "$@"\n')
    script.chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    return {**os.environ, "PATH": path}


def step(name: str) -> dict:
    content = yaml.safe_load((ACTION / "action.yml").read_text())
    assert content["runs"]["using"] == "composite"
    (found,) = [s for s in content["runs"]["steps"] if s.get("id") == name]
    return found | {"inputs": content["inputs"]}


def act(environment, tmp_path, **given: str) -> subprocess.CompletedProcess[str]:
    """Run the action's step with ``given`` inputs and the defaults of the others."""
    found = step("gate")
    inputs = {name: about.get("default") for name, about in found["inputs"].items()} | given
    values = {}
    for name, text in found["env"].items():
        (asked,) = re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", text).groups()
        values[name] = inputs[asked]
    files = {
        "GITHUB_ACTION_PATH": str(ACTION),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", found["run"]],
        env={**environment, **values, **files},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_action_passes_and_tells_the_job(environment, tmp_path):
    done = act(environment, tmp_path, baseline=str(GOLDEN), candidate=str(GOLDEN), strict="true")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output").read_text() == "code=0\n"
    assert "passed" in (tmp_path / "summary").read_text()
    assert (tmp_path / "iqa-gate.md").exists()
    assert (tmp_path / "iqa-gate.xml").exists()


def test_the_action_fails_with_the_code_of_the_gate(environment, tmp_path, worse):
    given = {"metric": "srcc,plcc", "margin": "0.01", "changed": "smoothness"}
    done = act(environment, tmp_path, baseline=str(GOLDEN), candidate=str(worse), **given)
    assert done.returncode == 1, done.stderr
    assert (tmp_path / "output").read_text() == "code=1\n"
    assert "2 regressed" in (tmp_path / "summary").read_text()


def test_the_action_tells_a_mistake_in_a_line(environment, tmp_path):
    (tmp_path / "iqa-gate.md").write_text("of an earlier step")
    done = act(environment, tmp_path, baseline=str(GOLDEN), candidate=str(tmp_path / "no such"))
    assert done.returncode == 2
    assert done.stderr.startswith("iqa-eval: ")
    assert "holds no records" in done.stderr
    assert not (tmp_path / "summary").exists()


def test_the_action_takes_each_of_its_inputs():
    content = yaml.safe_load((ACTION / "action.yml").read_text())
    text = (ACTION / "action.yml").read_text()
    for name in content["inputs"]:
        assert f"${{{{ inputs.{name} }}}}" in text or f"inputs.{name} " in text
    assert not re.search(r"https?://", text)


def test_the_hook_runs_as_it_stands(environment, tmp_path, worse):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    given = ["--baseline", str(GOLDEN), "--candidate", str(worse), "--strict"]
    assert hook["pass_filenames"] is False
    command = [*shlex.split(hook["entry"]), *given]
    done = subprocess.run(
        command,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        executable=environment["PATH"].split(os.pathsep)[0] + "/iqa-eval",
    )
    assert done.returncode == 1, done.stderr
