"""The controlled experiment on SLIDE-IQA's claim: train the arms, measure them, write the report.

    python -P results/experiments/slide_claim/run.py --photos DIR --test kodak=DIR --test cid22=DIR

Stopped or killed, the same command goes on. Checkpoints, logs and records go to ``--out``; the
table, the figures and the report, which are small, to ``--report``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the package slide_claim

import pandas as pd
from slide_claim import anchors, arms, combine, contents, measure, report

from baselines.pretraining.apart import Apart
from baselines.pretraining.photos import Photos
from harness.model import Model
from harness.registry import load_model

HERE = Path(__file__).resolve().parent
PAIRS = (
    *((arm, "uniform") for arm in arms.ARMS if arm != "uniform"),
    *((arms.BASE, other) for other in ("none-positive", "none-negative", "type-only")),
    *((arms.BASE, other) for other in (arms.UNTRAINED, anchors.NAME, "nss:brisque")),
    ("uniform", arms.UNTRAINED),
)


def main(argv: list[str] | None = None) -> None:
    given = _parser().parse_args(argv)
    plan = arms.Plan(
        given.photos, given.out / "arms", given.steps, given.batch, given.precision, given.device
    )
    for arm in given.arms:
        arms.difference(arm)  # first: hours later is too late to refuse
    _refuse_shared(given.photos, dict(given.test))
    sets = measure.probe_sets(dict(given.test), given.budget)
    seeds = range(given.seeds)
    arms.train(plan, given.arms, seeds, given.jobs)
    for seed in seeds:
        arms.untrained(plan, seed)
    models: dict[tuple[str, str], str | Model] = {
        (arm, str(seed)): arms.model(plan, arm, seed, given.photos.name)
        for arm in (*given.arms, arms.UNTRAINED)
        for seed in seeds
    }
    models["nss:brisque", ""] = "nss:brisque"
    if given.squeezenet is not None:
        models[anchors.NAME, ""] = anchors.SqueezeNet(given.squeezenet)
    rows, scores = measure.evaluated(models, sets, given.out, given.device, given.jobs)
    left = _left_out(models, sets, scores, given.device)
    contents.check(rows, left)
    table = pd.concat([rows, combine.combined(rows, left, PAIRS)], ignore_index=True)
    given.report.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.report / "results.csv", index=False, float_format="%.6g")
    facts = {
        "arms": list(given.arms), "seeds": given.seeds, "steps": plan.steps,
        "batch": plan.batch, "views": plan.steps * plan.batch, "precision": plan.precision,
        "budget": given.budget,
        "tests": {test: len(sets[test, "trained"].references) for test, _ in given.test},
        "squeezenet": given.squeezenet is not None,
        "shipped": arms.is_shipped(plan, arms.BASE, 0),
        "command": _command(given),
    }  # fmt: skip
    print(f"written: {report.write(given.report, facts)}")


def _command(given: argparse.Namespace) -> str:
    """What makes the same report; folders are the user's own."""
    tests = " ".join(f"--test {test}=DIR" for test, _ in given.test)
    words = [f"python -P {Path(__file__).name} --photos DIR {tests}"]
    words += [f"--{name} {getattr(given, name)}" for name in ("steps", "seeds", "budget")]
    words += [f"--arms {' '.join(given.arms)}"] * (given.arms != list(arms.ARMS))
    words += ["--squeezenet FILE"] * (given.squeezenet is not None)
    return " ".join(words)


def _left_out(
    models: dict[tuple[str, str], str | Model],
    sets: dict[tuple[str, str], measure.Dataset],
    scores: measure.Scores,
    device: str,
) -> pd.DataFrame:
    """The numbers of every arm with each content left out in turn."""
    found = []
    loaded = {key: load_model(m) if isinstance(m, str) else m for key, m in models.items()}
    for (test, types), dataset in sets.items():
        left = contents.Left(dataset)
        for (arm, seed), model in loaded.items():
            print(f"contents left out in turn: {dataset.name}, {arm} {seed}", flush=True)
            part = left.of(
                contents.features_of(model, dataset, device),
                scores.get(((arm, seed), dataset.name), {}),
            )
            found.append(part.assign(arm=arm, seed=seed, test=test, types=types))
    return pd.concat(found, ignore_index=True)


def _refuse_shared(photos: Path, tests: dict[str, Path]) -> None:
    """Raise ValueError for a photograph to train on that looks like one to test on."""
    alike = Photos(photos, memory=0, apart=Apart.from_folders(tests.values())).left_out
    if alike:
        name, reason = next(iter(alike.items()))
        raise ValueError(f"{photos / name} is trained on but {reason}: remove one of them")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--photos", type=Path, required=True, help="folder of photographs to train on")
    add(
        "--test",
        type=named_folder,
        action="append",
        required=True,
        help="NAME=DIR, never trained on",
    )
    add("--steps", type=_positive, default=625, help="of each run (default: %(default)s)")
    add("--batch", type=_positive, default=128, help="views a step (default: %(default)s)")
    add("--seeds", type=_positive, default=3, help="runs of each arm (default: %(default)s)")
    add("--arms", type=_arm, nargs="+", default=list(arms.ARMS), help="default: all")
    add("--jobs", type=_positive, default=2, help="runs side by side (default: %(default)s)")
    add("--precision", default="bf16-mixed", help="of the training (default: %(default)s)")
    add("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    add("--budget", type=_positive, default=1600, help="probes a test set (default: %(default)s)")
    add("--squeezenet", type=Path, help="squeezenet1_0_bgr_caffe.pth, an outside anchor")
    add("--out", type=Path, default=Path("results/run/slide_claim"), help="default: %(default)s")
    add("--report", type=Path, default=HERE, help="default: beside this script")
    return parser


def named_folder(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not name or not folder:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=DIR")
    return name, Path(folder)


def _arm(name: str) -> str:
    if name not in arms.ARMS:
        raise argparse.ArgumentTypeError(f"{name!r} is no arm; arms: {', '.join(arms.ARMS)}")
    return name


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"slide_claim: {error}")
    except KeyboardInterrupt:
        sys.exit("slide_claim: stopped; what was finished is kept, and the same command goes on")
