"""SHDIQA against its control: partitions and data efficiency, measured, and the report on both.

    python -P results/experiments/shdiqa/run.py

runs both suites at the size of a CPU, on embedded photographs with pseudo-labels; ``--suites`` runs
others, such as those of the paper's sizes beside this script. Stopped or killed, the same command
goes on: a fit loses an epoch at most. Records and pages go to ``--out``, what is small to
``--report``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the package shdiqa

import pandas as pd
from shdiqa import measure, report

from harness.cli_options import require_known
from harness.reports import write_report
from harness.suite import read_suite

HERE = Path(__file__).resolve().parent
CPU = ("partition-ablation-cpu.yaml", "data-efficiency-cpu.yaml")


def main(argv: list[str] | None = None) -> None:
    given = _parser().parse_args(argv)
    suites = [read_suite(path) for path in given.suites]
    for suite in suites:
        require_known(suite)  # first: hours later is too late to refuse
    measure.require_told_apart(suites)
    found = []
    for suite in suites:
        out = given.out / suite.name
        found.append(measure.study(suite, out, given.cache, given.workers, given.device))
        print(f"written: {write_report(out)}", flush=True)
    given.report.mkdir(parents=True, exist_ok=True)
    for name, tables in (
        ("results", [s.rows for s in found]),
        ("curves", [s.curves for s in found]),
    ):
        table = pd.concat(tables, ignore_index=True)
        table.to_csv(given.report / f"{name}.csv", index=False, float_format="%.6g")
    facts = {"suites": [suite.model_dump(mode="json") for suite in suites]}
    print(f"written: {report.write(given.report, facts)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add(
        "--suites",
        type=Path,
        nargs="+",
        default=[HERE / name for name in CPU],
        help="YAML files, of fine-tune or data-efficiency (default: those of a CPU's size)",
    )
    add("--workers", type=int, help="fits side by side (default: every core)")
    add("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    add("--cache", type=Path, help="where finished work is kept")
    add("--out", type=Path, default=Path("results/run/shdiqa"), help="default: %(default)s")
    add("--report", type=Path, default=HERE, help="default: beside this script")
    return parser


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"shdiqa: {error}")
    except KeyboardInterrupt:
        sys.exit("shdiqa: stopped; what was finished is kept, and the same command goes on")
