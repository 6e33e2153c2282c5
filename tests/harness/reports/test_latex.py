"""LaTeX that compiles, whatever the names: read back by a reader of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.reports.best import with_best
from harness.reports.entries import Entry
from harness.reports.groups import group
from harness.reports.latex import latex
from harness.reports.layout import Cell, Column, Note, Table, text_cell
from harness.reports.overview import overviews
from tests.harness.reports.conftest import base_row

# What TeX reads as something else than a letter, and what ends up on the page instead.
SHOWN = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textasciigrave{}": "`",
    r"\textbar{}": "|",
    "-{}": "-",
    "{[}": "[",
    "{]}": "]",
    "{*}": "*",
    r"\ldots{}": "…",
    r"\ldots": "…",
    "$-$": "−",
    "$<$": "<",
    "$>$": ">",
    "--": "–",
    **{f"\\{char}": char for char in "&%$#_{}"},
}
HOSTILE = [
    *("\\input{/etc/passwd}", "a & b \\\\ c", "100% {x}", "--out [1] *", "<script>$x$</script>"),
    *("$\\frac{1}", "}}}", "^^M", "a\nb\tc", "名前 🙂", "#1 ~ ` '' \"", "\\end{tabular}"),
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))
letters = st.text("abc&%$#_{}\\~^[]*<>-|` éßÅ¿", max_size=20)


def small(name: str, detail: str = "", note: str = "n", **changes: object) -> Table:
    cells = [Cell("0.9", (0.9,), detail, (Note(note), Note("star", "★"))), Cell("0.8", (0.8,))]
    lines = [(text_cell(f"{name}{i}"), cell) for i, cell in enumerate(cells)]
    columns = (Column(name, ("model",), "name"), Column(name, ("srcc",), span=name))
    table = Table("t", name, columns, with_best(lines, (0, 1)), notes=(name,))
    return Table(**{**vars(table), **changes})  # type: ignore[arg-type]


def check(text: str) -> list[list[str]]:
    """The rows of the table, after a check of what pdfLaTeX would stop at."""
    assert all(c == "\n" or " " <= c <= "~" or "¡" <= c <= "ÿ" for c in text)
    remark, _, text = text.partition("\n")
    assert remark == r"% It needs \usepackage{booktabs} in the preamble."
    plain = re.sub(r"\\[\\&%$#_{}]|\$\^\{2\}\$", "", text)  # without escaped characters
    assert not re.search(r"[%#~^`]", plain)
    depth = 0
    for char in plain:
        depth += {"{": 1, "}": -1}.get(char, 0)
        assert depth >= 0
    assert depth == 0
    assert plain.count("$") % 2 == 0
    assert not re.search(r"\\\\\s*[\[*]", text)  # would be the argument of the line's end
    begun = re.findall(r"\\begin\{(\w+)\}", text)
    assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+)\}", text))
    assert begun[:2] == ["table", "tabular"]
    body = text[text.index(r"\begin{tabular}") : text.index(r"\end{tabular}")]
    rows = [line.removesuffix(r" \\") for line in body.splitlines() if line.endswith(r" \\")]
    n = len(re.search(r"\\begin\{tabular\}\{([lr]+)\}", body)[1])  # type: ignore[index]
    for row in rows:
        wide = sum(int(k) - 1 for k in re.findall(r"\\multicolumn\{(\d+)\}", row))
        assert len(re.findall(r"(?<!\\)&", row)) + wide == n - 1
    return [re.split(r"(?<!\\) & ", row) for row in rows]


def shown(text: str) -> str:
    """``text`` as the page has it."""
    known = "|".join(map(re.escape, sorted(SHOWN, key=len, reverse=True)))
    return re.sub(known, lambda match: SHOWN[match[0]], text)


@settings(deadline=None)
@given(texts, texts, texts)
def test_any_text_leaves_the_structure_whole(name: str, detail: str, note: str) -> None:
    row = base_row(name, "x", "p", value=None, reason=f"{note}; to get it: {detail}")
    check(latex(small(name, detail, note, absent=(Entry(name, (row,)),), marks=(note,))))


@settings(deadline=None)
@given(letters)
def test_names_are_set_as_they_are(name: str) -> None:
    rows = check(latex(small(f"x{name}x")))
    assert shown(rows[-1][0]) == " ".join(f"x{name}x1".split())


def test_beyond_ascii_stands_what_ot1_composes() -> None:
    for char in map(chr, range(0xA1, 0x100)):
        text = latex(small(f"x{char}x"))
        # A letter with an accent is a base letter of ASCII and a mark; some have glyphs.
        base = unicodedata.normalize("NFD", char)
        made = (len(base) == 2 and base[0].isascii()) or char in "¡£§¶¿ÆØßæø"
        special = char in "±²·×"
        assert (f"x{char}x" in text) == made
        assert (f"U+{ord(char):04X}" in text) == (not made and not special)


def test_best_is_bold_second_underlined_and_notes_stand_below() -> None:
    text = latex(small("m", "[.1, .2]", "few"))
    assert r"\textbf{0.9}\textsuperscript{$\star$a} {\scriptsize {[}.1, .2{]}}" in text
    assert r"\underline{0.8}" in text
    below = text[text.index(r"\begin{minipage}") :]
    assert r"\textsuperscript{a} few\par" in below
    assert r"\textsuperscript{$\star$} star\par" in below
    assert "Bold: the best of a column; underlined: the second best." in below


def test_needs_booktabs_alone(suite_rows: list) -> None:
    (table, *_) = overviews(group(suite_rows))[0].tables
    text = latex(table)
    rows = check(text)
    assert len(rows) == 2 + len(table.lines) + len(table.apart)
    for row, line in zip(rows[2:], (*table.lines, *table.apart), strict=True):
        texts = [re.sub(r" \{\\scriptsize .*\}$", "", cell) for cell in row]
        texts = [re.sub(r"^\\(?:textbf|underline)\{(.*)\}$", r"\1", cell) for cell in texts]
        assert list(map(shown, texts)) == [cell.text for cell in line]
    commands = set(re.findall(r"\\([a-z]+)", text))
    kernel = {"begin", "end", "centering", "caption", "label", "multicolumn", "textbf", "underline"}
    kernel |= {"par", "medskip", "linewidth", "footnotesize", "raggedright", "scriptsize", "cdot"}
    assert commands - kernel <= {"usepackage", "toprule", "midrule", "bottomrule", "cmidrule"}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.slow
def test_compiles(tmp_path: Path) -> None:
    tables = "\n".join(latex(small(name, name, name)) for name in HOSTILE)
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}"
    (tmp_path / "t.tex").write_text(f"{head}\n{tables}\n\\end{{document}}\n")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
