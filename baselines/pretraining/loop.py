"""The loop: photographs and a recipe → a checkpoint, killed and resumed as often as need be."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from harness.atomic import sweep

from .books import CHECKPOINT, STATE
from .interrupt import passed_on
from .photos import Photos
from .processes import start_fabric
from .recipe import Recipe
from .run import train
from .state import read_state, settings


def check(recipe: Recipe, out: Path, processes: int = 1, workers: int | None = None) -> None:
    """Raises ValueError, in one line, for what cannot be run whatever the photographs are."""
    batch, multiple = recipe.optimization.batch, recipe.multiple
    if processes < 1 or batch % processes:
        raise ValueError(f"a batch of {batch} cannot be dealt to {processes} processes alike")
    if (share := batch // processes) % multiple:
        raise ValueError(
            f"a batch of {batch} gives each process {share}; {recipe.name} takes multiples of "
            f"{multiple}"
        )
    if workers is not None and workers < 0:
        raise ValueError(f"workers is {workers}; it must be at least 0")
    there = next((path for path in (out, *out.parents) if path.exists()), None)
    if there is not None and not there.is_dir():
        raise ValueError(f"{there}: a file; name a folder for what the run writes")


def pretrain(
    recipe: Recipe,
    photos: Photos,
    out: Path,
    device: str = "auto",
    processes: int = 1,
    workers: int | None = None,
) -> Path:
    """Run ``recipe`` on ``photos`` to its end; goes on where a run with the same settings ended.

    Writes to ``out``: checkpoint.safetensors (what the recipe exports, with all settings),
    state.pt (to go on from), log.csv (means over steps; "waiting" is the share of the time
    spent on batches), loss.svg and loss.png. Returns the checkpoint's path.
    ``device`` is "auto" (cuda where there is one, else cpu) or as torch names it. Several
    processes of one machine share each batch; they are spawned, so a script that calls this
    needs ``if __name__ == "__main__"``. So does one with ``workers``, which are processes that
    draw batches for each of these (see `batches`); how many there are changes no bit. A run that
    was killed and resumed on a CPU, with the same number of threads, ends with the same bits as
    one that was not.

    Raises KeyboardInterrupt after Ctrl-C, when the state is saved; ValueError, in one line, for
    a device or number of processes that cannot be used, a state that is damaged or of other
    settings, a loss that is not finite, and a folder that another run is writing to.
    """
    check(recipe, out, processes, workers)
    fabric = start_fabric(recipe.optimization, device, processes)
    run = settings(recipe, photos, processes)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / ".lock", timeout=0):
            sweep(out)
            # Fabric looks into arguments, and at frozen ones fails; not into a partial.
            work = partial(train, recipe=recipe, photos=photos, out=out, run=run, workers=workers)
            if processes == 1:
                ended = work(fabric)
            else:
                read_state(out / STATE, run)  # what is wrong with it shows in one line here
                with passed_on():
                    ended = fabric.launch(work)
    except Timeout:
        raise ValueError(f"{out}: another run is writing to it") from None
    if ended.failure:
        raise ValueError(ended.failure)
    if ended.step < recipe.optimization.steps:
        print(
            f"\nstopped after step {ended.step} of {recipe.optimization.steps}; "
            f"{out / STATE} holds it, and the same command goes on from there",
            file=sys.stderr,
        )
        raise KeyboardInterrupt
    return out / CHECKPOINT
