"""Tables that someone describes: a small YAML file, or a published table by its name or file.

::

    title: Agreement with human opinion
    show: interval               # value (default), interval, or published: beside measured
    metrics: [srcc, plcc]        # of columns that name none (default)
    rows:                        # in this order, or by a column: `order: live JPEG`
      - {model: arniqa, options: {variant: spaq}, name: ARNIQA (SPAQ)}
      - "pyiqa:*"                # a pattern: those that are there and not named before
    columns:
      - {dataset: koniq10k, protocol: {name: linear-probe, splits: 80/20}}
      - {dataset: koniq10k, protocol: correlation, metric: ranks}
      - dataset: live
        protocol: correlation
        subset: type=jpeg
        metric: srcc
        heading: JPEG              # and `span`, what stands over neighbors
        span: live
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..records import Row
    from ..reports.layout import Table


def table_of(name: str) -> Callable[[Sequence[Row]], Table]:
    """What draws, of all rows that were measured, the table that the file ``name`` describes, or
    the published one of that name or in that file.

    The file is read first. Raises FileNotFoundError, or ValueError with one line, as does what is
    returned.
    """
    from ..papers.schema import Paper
    from .spec import read_layout

    layout = read_layout(name)
    if isinstance(layout, Paper):
        from .measured import measured
        from .papers import paper_table

        return lambda rows: paper_table(measured(layout, rows, typed=name))
    from .spec_table import spec_table

    return partial(spec_table, layout)
