"""The book's fenced blocks, and a reader who types what they show.

- ``console``: lines after ``$`` are typed; the lines below each are what it prints, in which ``…``
  stands for any text, or alone on its line for any lines. None below: any output will do. What
  goes to stderr, such as how far a command is, depends on the machine: it is not shown, or below
  the rest where the exit code is not 0. Such a command is followed by ``$ echo $?``.
- ``python``, ``yaml``, ``text`` with a file's name in a comment on the first line: that file;
  ``# name, continued`` adds to it. Other ``python`` is executed.
- ``toml``: the ``pyproject.toml`` of the package that the files make; it is installed.
- ``sh``: not run, for the reason in the comment above it, ``<!-- not run: … -->``.

``<!-- slow: … -->`` above a block leaves it to the slow tests; ``<!-- test: needs pictures -->``
at the top of a chapter names the files that are there.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from harness import cli
from harness.registry import entries

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHAPTERS = sorted(DOCS.glob("*.md"))
ANY = "…"
_COMMENT = re.compile(r"<!-- ([\w ]+): (.*?) -->", re.DOTALL)
_FILE = re.compile(r"# ([\w./-]+\.\w+)(, continued)?\n")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, where it begins, and the comment above it."""

    language: str
    text: str
    line: int
    kind: str = ""  # "slow", "not run", or nothing
    why: str = ""

    @property
    def commands(self) -> list[tuple[str, str]]:
        """What a console block types, each with what it is to print."""
        found: list[tuple[str, str]] = []
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            joined = part.replace("\\\n", "\0")
            typed, _, printed = joined.partition("\n")
            found.append((typed.replace("\0", " "), printed.replace("\0", "\\\n")))
        return found


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a chapter, in their order."""
    text = path.read_text("utf-8")
    found, end = [], 0
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        *_, above = (None, *_COMMENT.finditer(text, end, match.start()))
        near = above is not None and not text[above.end() : match.start()].strip()
        kind, why = above.groups() if above is not None and near else ("", "")
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match[1], match[2], line, kind, why))
        end = match.end()
    return found


def needs(path: Path) -> set[str]:
    """What a chapter's first comment says that it needs."""
    first = re.match(r"<!-- test: needs (.*?) -->", path.read_text("utf-8"))
    return set(first[1].split(", ")) if first else set()


def pattern(expected: str) -> re.Pattern[str]:
    """A pattern for output that shows ``expected``, blanks at the ends of lines aside."""
    parts = []
    for line in expected.rstrip("\n").split("\n"):
        if line.strip() == ANY:
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(map(re.escape, line.rstrip().split(ANY))) + r"\n")
    return re.compile("".join(parts))


def plain(output: str) -> str:
    """``output`` without blanks at the ends of lines and of the whole."""
    lines = [line.rstrip() for line in output.rstrip().split("\n")]
    return "\n".join(lines) + "\n"


@dataclass
class Reader:
    """Types the blocks of one chapter, in ``folder``, which is the working folder."""

    folder: Path
    scope: dict[str, Any] = field(default_factory=lambda: {"__name__": "chapter"})
    code: int = 0  # of the last command

    def read(self, block: Block) -> None:
        """Raises AssertionError where a block does not do what it shows."""
        if block.kind == "not run":
            return
        named = _FILE.match(block.text)
        if named and block.language in ("python", "yaml", "text"):
            self._write(named[1], block.text, add=bool(named[2]))
        elif block.language == "python":
            exec(compile(block.text, f"line {block.line}", "exec"), self.scope)
        elif block.language == "toml":
            self._install(tomllib.loads(block.text)["project"])
        elif block.language == "yaml":
            assert yaml.safe_load(block.text), f"line {block.line}: no YAML"
        elif block.language == "console":
            self._console(block)

    def _write(self, name: str, text: str, add: bool) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if add else "w", encoding="utf-8") as file:
            file.write(text)
        sys.modules.pop(path.stem, None)  # one that is written again is imported again
        importlib.invalidate_caches()

    def _install(self, project: dict[str, Any]) -> None:
        """The package as an installer would leave it; the reader's folder is on the path."""
        name = project["name"].replace("-", "_")
        about = self.folder / f"{name}-{project['version']}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        lines = []
        for group, points in project["entry-points"].items():
            lines += [f"[{group}]", *(f"{point} = {target}" for point, target in points.items())]
        (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
        entries.cache_clear()

    def _console(self, block: Block) -> None:
        commands = block.commands
        for i, (typed, expected) in enumerate(commands):
            if typed == "echo $?":
                output, errors = f"{self.code}\n", ""
            else:
                output, errors = self._type(typed)
                told = i + 1 < len(commands) and commands[i + 1][0] == "echo $?"
                assert told or self.code == 0, f"$ {typed}\nexit code {self.code}\n{errors}"
            shown = [output, output + errors] if self.code else [output]
            fits = any(pattern(expected).fullmatch(plain(text)) for text in shown)
            assert fits or not expected.strip(), (
                f"line {block.line}: $ {typed}\nprints\n{shown[-1]}\nand not\n{expected}"
            )

    def _type(self, typed: str) -> tuple[str, str]:
        """What a command prints, and to stderr; ours and Python's alone run here, so that libraries
        load once."""
        name = typed.split()[0]
        if name not in ("iqa-eval", "python") or any(map(_is_operator, _words(typed))):
            here = Path(sys.executable).parent
            done = subprocess.run(
                ["bash", "-c", typed],
                cwd=self.folder,
                env={**os.environ, "PATH": f"{here}:{os.environ['PATH']}"},
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.code = done.returncode
            return done.stdout, done.stderr
        screen, errors, argv = io.StringIO(), io.StringIO(), shlex.split(typed)
        with (
            mock.patch.object(sys, "argv", argv if name == "iqa-eval" else argv[1:]),
            contextlib.redirect_stdout(screen),
            contextlib.redirect_stderr(errors),
        ):
            try:
                cli.main() if name == "iqa-eval" else runpy.run_path(argv[1], run_name="__main__")
                self.code = 0
            except SystemExit as end:
                self.code = int(end.code or 0)
        return screen.getvalue(), errors.getvalue()


def _words(line: str) -> list[str]:
    """The words of a line for a shell, and the operators between them; no comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    return list(lexer)


def _is_operator(word: str) -> bool:
    return set(word) <= set("|&;<>")


def typed_commands(text: str) -> Iterator[list[str]]:
    """The words of each iqa-eval command of a shell block, from the command's name on; where
    lines begin with ``$``, the others are output."""
    lines = text.replace("\\\n", " ").splitlines()
    for line in [line[2:] for line in lines if line.startswith("$ ")] or lines:
        for ends, words in groupby(_words(line), _is_operator):
            name, *rest = words
            if not ends and os.path.basename(name) == "iqa-eval":
                yield rest
