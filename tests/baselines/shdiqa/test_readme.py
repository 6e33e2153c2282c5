"""The commands of the README's section name models, protocols and options that there are."""

from __future__ import annotations

import contextlib
import re
import shlex
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest

from baselines.finetuning.config import FitConfig
from baselines.shdiqa.config import option_names
from harness import load_model
from harness.cli_options import options_of
from harness.model import Unavailable, operations
from harness.registry import load_protocol, maker

TEXT = (Path(__file__).parents[3] / "baselines" / "README.md").read_text("utf-8")
SECTION = TEXT.split("\n## Models fitted on labels", 1)[1].split("\n## ", 1)[0]
CODE = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)[0].replace("\\\n", "")
RUNS = [line for line in CODE.splitlines() if line.startswith("iqa-eval run")]


def given(words: list[str], flag: str) -> list[str]:
    return [value for word, value in pairwise(words) if word == flag]


@pytest.mark.parametrize("command", RUNS)
def test_a_command_names_what_there_is(command: str) -> None:
    words = shlex.split(command)
    names, protocols = (given(words, f"--{of}")[0].split(",") for of in ("models", "protocols"))
    for name, options in options_of("model", names, given(words, "--model-option")).items():
        maker(name)
        with contextlib.suppress(Unavailable):  # weights that a fresh clone has not
            assert operations(load_model(name, **options)) == {"fit"}
    for name in protocols:
        load_protocol(name)


def test_the_tiny_ones_need_nothing_that_is_not_here() -> None:
    for name, options in (("shdiqa", {"preset": "tiny"}), ("finetune:slide-iqa-tiny", {})):
        assert load_model(name, **options)
    assert len(RUNS) == 3


def test_options_in_the_table_are_options() -> None:
    table = re.findall(r"^\| (`.*?) \|", SECTION, re.MULTILINE)
    named = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    known = {*option_names(), *(field.name for field in fields(FitConfig))}
    assert named - known == {"preset", "start", "weights"}
