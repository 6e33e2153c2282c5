"""The book: its commands run and print what it shows, its links lead somewhere."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from harness.cli import app
from harness.registry import entries
from tests.docs.book import (
    CHAPTERS,
    DOCS,
    ROOT,
    Reader,
    blocks,
    needs,
    pattern,
    plain,
    typed_commands,
)

QUICK_START = DOCS / "quick-start.md"
PROGRAM = "# make_pictures.py\n"
SHARED = {"photographs", "pictures"}
LANGUAGES = {"console", "sh", "python", "toml", "yaml", "text"}
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
EACH = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
LONG = [path for path in CHAPTERS if any(block.kind == "slow" for block in blocks(path))]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What chapters share: the pictures that the quick start makes, and a cache in which each is
    scored once."""
    folder = tmp_path_factory.mktemp("shared")
    (program,) = (b.text for b in blocks(QUICK_START) if b.text.startswith(PROGRAM))
    with contextlib.chdir(folder):
        exec(compile(program, PROGRAM, "exec"), {})
    return folder


@pytest.fixture
def reader(
    path: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Reader]:
    """Somebody in an empty folder, but for what the chapter says it needs."""
    known = {*SHARED, "records", "pyiqa"}
    assert needs(path) <= known, f"a chapter may need {known}"
    if "pyiqa" in needs(path):
        pytest.importorskip("pyiqa")
    for name in needs(path) & SHARED:
        shutil.copytree(shared / name, tmp_path / name)
    if "records" in needs(path):
        (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IQA_EVAL_CACHE", str(shared / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # one that is older by no second is stale
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield Reader(tmp_path)
    for name in set(sys.modules) - before:  # the chapter's own modules, for the next one
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    entries.cache_clear()


@EACH
def test_what_a_chapter_shows_is_what_one_sees(path: Path, reader: Reader) -> None:
    for block in blocks(path):
        if block.kind != "slow":
            reader.read(block)


@pytest.mark.slow
@pytest.mark.parametrize("path", LONG, ids=lambda path: path.stem)
def test_also_with_what_takes_longer(path: Path, reader: Reader) -> None:
    for block in blocks(path):
        reader.read(block)


@EACH
def test_blocks_are_of_known_languages_and_say_why_they_are_not_run(path: Path) -> None:
    for block in blocks(path):
        assert block.language in LANGUAGES, f"{path.name}:{block.line}"
        assert (block.language == "sh") == (block.kind == "not run"), f"{path.name}:{block.line}"
        assert block.kind in ("", "slow", "not run"), f"{path.name}:{block.line}"
        assert block.kind == "" or block.why, f"{path.name}:{block.line}"


@EACH
def test_commands_and_their_options_exist(path: Path) -> None:
    for block in blocks(path):
        if block.language in ("sh", "console"):
            for words in typed_commands(block.text):
                command, rest = _command(words)
                known = {opt for param in command.params for opt in param.opts}
                known |= {opt for param in command.params for opt in param.secondary_opts}
                given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
                unknown = given - known - {"--help", "--version"}
                assert not unknown, f"{path.name}:{block.line}: {' '.join(words)}: {unknown}"


def _command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that ``words`` name, and what is left of them."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "get_command") and words and not words[0].startswith("-"):
        context = click.Context(command)
        found = command.get_command(context, words[0])
        assert found is not None, f"no command {words[0]!r}"
        command, words = found, words[1:]
    return command, words


def test_every_command_has_its_place_in_the_book() -> None:
    typed = [
        words
        for path in CHAPTERS
        for block in blocks(path)
        if block.language in ("sh", "console")
        for words in typed_commands(block.text)
    ]
    shown = {words[0] for words in typed if words}
    group: Any = typer.main.get_command(app)
    assert set(group.list_commands(click.Context(group))) <= shown


@EACH
def test_links_lead_somewhere(path: Path) -> None:
    text = FENCED.sub("", path.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{path.name}: {target}"
        assert not anchor or anchor in _anchors(file), f"{path.name}: {target}"


def _anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a file."""
    text = FENCED.sub("", path.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_the_contents_list_every_chapter() -> None:
    text = (DOCS / "README.md").read_text("utf-8")
    listed = re.findall(r"^- \[.+?\]\((.+?\.md)\)", text, re.MULTILINE)
    assert sorted(listed) == sorted(p.name for p in CHAPTERS if p.name != "README.md")


@pytest.mark.parametrize("path", [p for p in CHAPTERS if needs(p) & SHARED], ids=lambda p: p.stem)
def test_chapters_that_need_pictures_say_what_makes_them(path: Path) -> None:
    assert f"({QUICK_START.name}#the-pictures-of-the-examples)" in path.read_text("utf-8")


def test_the_workflow_names_inputs_and_hooks_that_exist() -> None:
    action = yaml.safe_load((ROOT / ".github/actions/iqa-gate/action.yml").read_text())
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    shown = [yaml.safe_load(b.text) for b in blocks(DOCS / "ci-recipe.md") if b.language == "yaml"]
    steps = [s for each in shown for job in each.get("jobs", {}).values() for s in job["steps"]]
    (gate,) = [step for step in steps if "iqa-gate" in step.get("uses", "")]
    assert set(gate["with"]) <= set(action["inputs"])
    wanted = {name for name, about in action["inputs"].items() if about.get("required")}
    assert wanted <= set(gate["with"])
    for step in steps:
        for words in typed_commands(step.get("run", "")):
            _command(words)
    used = {h["id"] for each in shown for repo in each.get("repos", ()) for h in repo["hooks"]}
    assert used
    assert used <= {hook["id"] for hook in hooks}


def test_a_pattern_is_as_strict_as_it_reads() -> None:
    shown = pattern("a  1.0\n…\nb … c\n")
    assert shown.fullmatch(plain("a  1.0\nb 2 c  \n\n"))
    assert shown.fullmatch("a  1.0\nx\ny\nb 2 c\n")
    assert not shown.fullmatch("a  1.1\nb 2 c\n")
    assert not shown.fullmatch("a  1.0\nb 2 c\nd\n")
    assert not shown.fullmatch("b 2 c\n")


def test_a_wrong_chapter_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    chapter = tmp_path / "wrong.md"
    chapter.write_text(
        "```console\n$ iqa-eval list datasets\nnothing\n```\n"
        "```console\n$ iqa-eval list nothing\n```\n"
        "```console\n$ iqa-eval list datasets\n…\n```\n"
    )
    printed, failed, right = blocks(chapter)
    for block, why in ((printed, "and not"), (failed, "exit code 2")):
        with pytest.raises(AssertionError, match=why):
            Reader(tmp_path).read(block)
    Reader(tmp_path).read(right)


def test_how_far_a_command_is_may_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said of a slow command is no part of what it prints."""
    monkeypatch.chdir(tmp_path)
    say = "import sys\nprint('asking …', file=sys.stderr)\nprint('done')\n"
    (tmp_path / "slow.py").write_text(say)
    (tmp_path / "fails.py").write_text(f"{say}sys.exit(3)\n")
    chapter = tmp_path / "chapter.md"
    chapter.write_text(
        "```console\n$ python slow.py\ndone\n$ python slow.py | cat\ndone\n```\n"
        "```console\n$ python fails.py\ndone\nasking …\n$ echo $?\n3\n```\n"
        "```console\n$ python fails.py\ndone\n$ echo $?\n3\n```\n"
        "```console\n$ python slow.py\ndone\nasking …\n```\n"
    )
    *right, wrong = blocks(chapter)
    for block in right:
        Reader(tmp_path).read(block)
    with pytest.raises(AssertionError, match="and not"):
        Reader(tmp_path).read(wrong)
