"""A table as a fragment of HTML, to put into any page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from markupsafe import Markup

from .best import legend
from .footnotes import footnotes, signs_of
from .layout import Cell, Column, Line, Note, Table

_EMPHASIS = (Markup("{}"), Markup("<strong>{}</strong>"), Markup("<u>{}</u>"))


def html(table: Table) -> Markup:
    """A ``figure`` with the table, its caption and its notes.

    It needs no style, script or other file; names, numbers and details have classes to style
    them by. Everything from outside is escaped.
    """
    signs = footnotes(table)
    parts = [
        Markup('<figure class="table">\n<div class="scroll" role="region" tabindex="0"'),
        Markup(' aria-label="{}">\n<table>').format(table.title),
        Markup("<caption><div><strong>{}</strong>{}</div></caption>").format(
            table.title,
            _join(Markup(' <span class="chip">{}</span>').format(m) for m in table.marks),
        ),
        Markup("<thead>\n{}</thead>").format(_head(table.columns)),
        Markup("<tbody>\n{}</tbody>").format(_lines(table, table.lines, signs)),
    ]
    if table.apart:
        note = Markup('<tr class="note"><td colspan="{}"><span>Not ranked</span></td></tr>\n')
        note = note.format(len(table.columns))
        body = _lines(table, table.apart, signs)
        parts.append(Markup('<tbody class="apart">\n{}{}</tbody>').format(note, body))
    parts.append(Markup("</table>\n</div>"))
    if items := [*_below(table, signs)]:
        listed = _join(Markup("<li>{}</li>\n").format(item) for item in items)
        parts.append(
            Markup('<figcaption class="below">\n<ul>\n{}</ul>\n</figcaption>').format(listed)
        )
    parts.append(Markup("</figure>\n"))
    return Markup("\n").join(parts)


def _head(columns: tuple[Column, ...]) -> Markup:
    spans = _join(
        Markup('<th scope="colgroup" colspan="{}"><span>{}</span></th>').format(n, span)
        if span
        else Markup('<td colspan="{}"></td>').format(n)
        for span, part in groupby(columns, key=lambda column: column.span)
        for n in [len(list(part))]
    )
    heads = _join(
        Markup('<th scope="col" class="{}">{}</th>').format(_class(column, i == 0), column.title)
        for i, column in enumerate(columns)
    )
    has_spans = any(column.span for column in columns)
    first = Markup('<tr class="spans">{}</tr>\n').format(spans) if has_spans else ""
    return Markup("{}<tr>{}</tr>\n").format(first, heads)


def _lines(table: Table, lines: Iterable[Line], signs: Mapping[Note, str]) -> Markup:
    return _join(
        Markup("<tr>{}</tr>\n").format(
            _join(
                _cell(cell, column, first=i == 0, signs=signs)
                for i, (cell, column) in enumerate(zip(line, table.columns, strict=True))
            )
        )
        for line in lines
    )


def _cell(cell: Cell, column: Column, *, first: bool, signs: Mapping[Note, str]) -> Markup:
    text = _EMPHASIS[cell.place].format(cell.text)
    if cell.notes:
        text += Markup("<sup>{}</sup>").format(signs_of(cell, signs))
    if cell.detail:
        text += Markup(' <small class="detail">{}</small>').format(cell.detail)
    form = Markup('<th scope="row" class="{}">{}</th>' if first else '<td class="{}">{}</td>')
    return form.format(_class(column, first), text)


def _class(column: Column, first: bool) -> str:
    """Names stay in sight while a table is scrolled: of several, the first alone."""
    return "text" if column.kind == "name" and not first else column.kind


def _below(table: Table, signs: Mapping[Note, str]) -> Iterator[Markup]:
    for note, sign in signs.items():
        yield Markup("<sup>{}</sup> {}").format(sign, note.text)
    yield from (Markup("{}").format(note) for note in (legend(table), *table.notes) if note)
    for missing in table.missing:
        how = Markup("; to get it: <code>{}</code>").format(missing.command)
        yield Markup("Not measured: {}: {}{}").format(
            ", ".join(missing.models), missing.reason, how if missing.command else ""
        )


def _join(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)
