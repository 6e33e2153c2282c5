"""The gate: is a set of records what it was, and is the candidate as good as the baseline?"""

from .declared import Declaration, Pattern, read_declaration
from .gate import gate
from .junit import junit
from .summary import counts, markdown_summary, tables
from .verdict import MARGIN, Effect, Finding, Report, Verdict, judge

__all__ = [
    "MARGIN",
    "Declaration",
    "Effect",
    "Finding",
    "Pattern",
    "Report",
    "Verdict",
    "counts",
    "gate",
    "judge",
    "junit",
    "markdown_summary",
    "read_declaration",
    "tables",
]
