"""A table for a paper.

It needs one package, booktabs: footnotes are small text below the table, as threeparttable would
set them, and what pdfLaTeX cannot set without a font package is written [U+…].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise

from ..canonical import slug
from .best import legend
from .footnotes import footnotes, signs_of
from .layout import Cell, Column, Line, Note, Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "`": r"\textasciigrave{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "α": r"$\alpha$",
    "²": "$^{2}$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "★": r"$\star$",
    "<": "$<$",
    ">": "$>$",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    # After the end of a line, these would be an argument.
    **{char: f"{{{char}}}" for char in "[]*"},
}
# Beyond ASCII, what OT1, the font encoding of a document that asks for none, has or can compose.
_OT1 = frozenset("¡£§¶¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ")
_EMPHASIS = ("{}", r"\textbf{{{}}}", r"\underline{{{}}}")


def latex(table: Table) -> str:
    """A float of class ``table`` for the package booktabs, with its caption and notes."""
    columns, signs = table.columns, footnotes(table)
    aligned = "".join("r" if column.kind == "number" else "l" for column in columns)
    marks = f" All lines: {', '.join(table.marks)}." if table.marks else ""
    parts = [
        r"% It needs \usepackage{booktabs} in the preamble.",
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{escape(f'{table.title}.{marks}')}}}",
        f"\\label{{tab:{slug(table.name).replace('_', '-')}}}",
        f"\\begin{{tabular}}{{{aligned}}}",
        r"\toprule",
        *_spans(columns),
        _row(escape(column.title) for column in columns),
        r"\midrule",
        *(_line(line, signs) for line in table.lines),
        *([r"\midrule"] if table.lines and table.apart else []),
        *(_line(line, signs) for line in table.apart),
        r"\bottomrule",
        r"\end{tabular}",
        *_below(table, signs),
        r"\end{table}",
    ]
    return "\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX sets as it is, on one line; [U+…] for what pdfLaTeX has no glyph of."""
    pairs = pairwise(" ".join(text.split()) + " ")
    # Two hyphens in a row, as before a program's option, are no dash.
    return "".join(_character(a) + ("{}" if a == b == "-" else "") for a, b in pairs)


def _character(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    known = " " <= char <= "~" or char in _OT1
    return char if known else f"{{[}}U+{ord(char):04X}{{]}}"


def _spans(columns: tuple[Column, ...]) -> list[str]:
    if not any(column.span for column in columns):
        return []
    cells, rules, start = [], [], 1
    for span, part in groupby(columns, key=lambda column: column.span):
        count = len(list(part))
        if span:
            cells.append(f"\\multicolumn{{{count}}}{{c}}{{{escape(span)}}}")
            rules.append(f"\\cmidrule(lr){{{start}-{start + count - 1}}}")
        else:
            cells += [""] * count
        start += count
    return [_row(cells), " ".join(rules)]


def _line(line: Line, signs: dict[Note, str]) -> str:
    return _row(_cell(cell, signs) for cell in line)


def _cell(cell: Cell, signs: dict[Note, str]) -> str:
    text = _EMPHASIS[cell.place].format(escape(cell.text))
    if cell.notes:
        text += _raised(signs_of(cell, signs))
    return f"{text} {{\\scriptsize {escape(cell.detail)}}}" if cell.detail else text


def _raised(sign: str) -> str:
    return f"\\textsuperscript{{{escape(sign)}}}"


def _below(table: Table, signs: dict[Note, str]) -> Iterator[str]:
    said = [f"{_raised(sign)} {escape(note.text)}" for note, sign in signs.items()]
    said += [escape(note) for note in (legend(table), *table.notes) if note]
    for missing in table.missing:
        how = f"; to get it: {missing.command}" if missing.command else ""
        said.append(escape(f"Not measured: {', '.join(missing.models)}: {missing.reason}{how}"))
    if said:
        yield from (r"\par\medskip", r"\begin{minipage}{\linewidth}", r"\footnotesize\raggedright")
        yield from (f"{text}\\par" for text in said)
        yield r"\end{minipage}"


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
