"""The leaderboard as Markdown: a section a protocol, in it a table a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..collection.board import Board
from ..errors import count
from ..records import NOT_APPLICABLE
from ..reports.cost_figure import cost_figure
from ..reports.costs import Costs, read_costs
from ..reports.entries import Entry
from ..reports.formats import escape, markdown
from ..reports.groups import Group
from ..reports.layout import Line, Table
from ..reports.overview import Overview, overviews
from ..reports.ranks import comparison, fields
from ..reports.site.words import WORDS
from ..reports.style import Picture
from ..reports.tables import tables
from ..site.unscored import Unscored, unscored, version
from .ranked import leaderboard_table, with_published

_HEADER = """\
# Leaderboard

{lede}

Made by `iqa-eval leaderboard` from the records in `records/`: nothing here is written by hand, and
the same records give the same bytes. The [site](site/index.html) has all of it to sort and filter,
with a page for each model and each dataset. Links to models lead to pages of the site: GitHub shows
their source, so open them in a browser, from a copy of this folder.

To add your own model:

```sh
iqa-eval run --models NAME --datasets demo --protocols correlation,linear-probe --out results/mine
iqa-eval results add results/mine
iqa-eval leaderboard
```
"""


def page(board: Board) -> tuple[str, tuple[Picture, ...]]:
    """The text, and the pictures that it shows, as ``figures/NAME.svg``."""
    costs = read_costs(board.costs)
    measured = [group for group in board.groups if group.entries]
    own = [group for group in measured if not _is_told(group, board.groups)]
    joint = overviews(with_published(board, group) for group in measured)
    pictures = {g.name: p for g in measured if (p := cost_figure(g, board.costs))}
    lost = unscored(board)
    parts = [_HEADER.format(lede=_lede(board))]
    for protocol in _protocols(own):
        parts.append(f"## {escape(protocol)}\n")
        for overview in joint:
            if overview.across.groups[0].key.protocol == protocol:
                parts += _summary(board, overview)
        for group in own:
            if group.key.protocol == protocol:
                parts += _dataset(board, group, costs, pictures.get(group.name), lost)
    parts += _without(board.groups)
    parts.append("## What the words mean\n")
    parts.append("".join(f"- **{escape(word)}**: {escape(means)}\n" for word, means in WORDS))
    return "\n".join(parts), tuple(pictures.values())


def _is_told(group: Group, groups: Sequence[Group]) -> bool:
    """Whether all comparisons of ``group`` stand in the tables of what was compared."""
    ranked = (each for each in groups if each.is_ranked)
    told = {(f.group.name, f.of) for each in ranked if (f := comparison(each, groups))}
    own = {(field.group.name, field.of) for field in fields(group)}
    return bool(own) and own <= told


def _lede(board: Board) -> str:
    measured = {board.subject(e).slug for g in board.groups for e in g.entries}
    datasets = {group.key.dataset for group in board.groups if group.entries}
    protocols = {group.key.protocol for group in board.groups if group.entries}
    text = (
        f"{count(len(measured), 'model')} measured on {count(len(datasets), 'dataset')} under "
        f"{count(len(protocols), 'protocol')}."
    )
    pseudo = sorted({g.key.dataset for g in board.groups if g.key.label_kind == "pseudo"})
    if pseudo:
        text += (
            f" The labels of {', '.join(map(escape, pseudo))} are pseudo-labels: computed, "
            "not given by people."
        )
    lacking = [subject for subject in board.subjects if subject.slug not in measured]
    if lacking:
        text += f" {count(len(lacking), 'model')} could not be measured; the reason stands below."
    return text


def _protocols(groups: Iterable[Group]) -> list[str]:
    """Those that rank models first, then by name."""
    found = {group.key.protocol: False for group in groups}
    found |= {group.key.protocol: True for group in groups if group.is_ranked}
    return sorted(found, key=lambda name: (not found[name], name))


def _summary(board: Board, overview: Overview) -> Iterator[str]:
    for table in overview.tables:
        if not table.folded:
            yield markdown(_narrow(table), 3, _pages(board, overview.across.entries))


def _dataset(
    board: Board, group: Group, costs: Costs, picture: Picture | None, lost: Unscored
) -> Iterator[str]:
    if group.is_ranked:
        found: Sequence[Table] = [leaderboard_table(board, group, costs)]
    else:
        found = [t for t in tables(with_published(board, group)) if not t.folded]
    about = _about(board, group, lost)
    for i, table in enumerate(found):
        notes = (*about, *table.notes) if i == 0 else table.notes
        shown = replace(_narrow(table), notes=notes)
        yield markdown(shown, 3, _pages(board, group.entries))
    if picture is not None:
        yield f"![{escape(picture.alt)}](figures/{picture.name}.svg)\n"
        yield f"*{escape(picture.title)}.* {escape(picture.caption)}\n"


def _without(groups: Iterable[Group]) -> Iterator[str]:
    empty = [group for group in groups if not group.entries]
    if empty:
        yield "## Without any number\n"
    for group in empty:
        # That a protocol was not meant for a dataset is all that there is to say.
        unmet = tuple(entry for entry in group.absent if NOT_APPLICABLE in entry.marks)
        shown = replace(group, absent=unmet or group.absent)
        yield from (markdown(table, 3) for table in tables(shown))


def _about(board: Board, group: Group, lost: Unscored) -> tuple[str, ...]:
    """Size and license of the dataset, where they are known, and which samples have no score."""
    row = group.entries[0].rows[0]
    without = f"of its samples, {lost[version(row)]}" if version(row) in lost else ""
    dataset = board.dataset(row)
    if dataset is None:
        return (f"{row.dataset}: {without}.",) if without else ()
    sizes = f"{count(dataset['n_samples'], 'image')}, {count(dataset['n_contents'], 'content')}"
    told = (sizes, without, f"license: {dataset['license'] or 'not told'}")
    return (f"{dataset['name']}: {'; '.join(filter(None, told))}.",)


def _pages(board: Board, entries: Iterable[Entry]) -> Mapping[str, str]:
    """Pages of the site about models, by their labels in one table."""
    return {e.label: f"site/models/{board.subject(e).slug}.html" for e in entries}


def _narrow(table: Table) -> Table:
    """``table`` without the columns that can be spared: the site and the CSV files have them."""
    kept = [i for i, column in enumerate(table.columns) if not column.spare]

    def narrow(line: Line) -> Line:
        return tuple(line[i] for i in kept)

    by = table.sorted_by
    return replace(
        table,
        columns=tuple(table.columns[i] for i in kept),
        lines=tuple(map(narrow, table.lines)),
        apart=tuple(map(narrow, table.apart)),
        sorted_by=kept.index(by) if by in kept else None,
    )
