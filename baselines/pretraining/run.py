"""One process of a run: its steps."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn.utils import clip_grad_norm_
from tqdm import tqdm

from ..denormals import denormals_as_zero
from ..state_dict import in_one_line
from .batches import batches, step_seed
from .books import SECONDS, STATE, WAITED, Books
from .interrupt import asked_to_stop
from .photos import Photos
from .processes import average_gradients, gathering, in_any
from .recipe import Recipe
from .schedule import learning_rate, parameter_groups
from .state import State, read_state


class Ended(NamedTuple):
    """After which step a run ended, and why, if something was wrong."""

    step: int
    failure: str = ""


@denormals_as_zero()
def train(
    fabric: Fabric,
    recipe: Recipe,
    photos: Photos,
    out: Path,
    run: Mapping[str, Any],
    workers: int | None = None,
) -> Ended:
    """Go on from the state in ``out``, or begin; to the end, to SIGINT or to what goes wrong.

    ``run`` are the settings (see `settings`), ``workers`` those of `batches`. Raises ValueError
    for a state that does not fit.
    """
    plan = recipe.optimization
    torch.manual_seed(plan.seed)
    model = recipe.build().to(fabric.device).train()
    optimizer = torch.optim.AdamW(parameter_groups(model, plan.weight_decay))
    state = read_state(out / STATE, run)
    if state is not None:
        _restore(out / STATE, state, model, optimizer)
    step, seconds = (0, 0.0) if state is None else (state.step, state.seconds)
    pending: list[dict[str, Any]] = [] if state is None else state.pending
    books = Books(recipe, run, out, step) if fabric.is_global_zero else None
    source = batches(recipe, photos, range(step, plan.steps), fabric, workers)
    bar = tqdm(
        desc=recipe.name,
        total=plan.steps * plan.batch,
        initial=step * plan.batch,
        unit="image",
        unit_scale=True,
        disable=books is None,
    )
    stop, began = False, time.perf_counter()
    with bar, closing(source), asked_to_stop(again=fabric.world_size == 1) as asked:
        for batch in source:
            waited = time.perf_counter() - began
            numbers = _step(fabric, recipe, model, optimizer, batch, step)
            step += 1
            bar.update(plan.batch)
            stop = in_any(fabric, asked())
            pending.append({**numbers, SECONDS: time.perf_counter() - began, WAITED: waited})
            logs = step % plan.log_every == 0 or step == plan.steps
            saves = step % plan.save_every == 0 or step == plan.steps or stop
            if logs or saves:
                pending = [{name: float(v) for name, v in row.items()} for row in pending]
                # Reading them has waited for the device.
                pending[-1][SECONDS] = time.perf_counter() - began
                if not all(math.isfinite(v) for row in pending for v in row.values()):
                    return Ended(step, _not_finite(step, pending))
            seconds += pending[-1][SECONDS]
            if logs:
                if books is not None:
                    bar.set_postfix_str(books.log(step, pending))
                pending = []
            if saves and books is not None:
                weights, moments = model.state_dict(), optimizer.state_dict()
                books.save(State(run, step, seconds, pending, weights, moments), model)
            if stop:
                break
            began = time.perf_counter()
    if books is not None and step == plan.steps:
        books.close(model)
    return Ended(step)


def _step(
    fabric: Fabric,
    recipe: Recipe,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Any,
    step: int,
) -> dict[str, Any]:
    """Train on one batch. Returns the numbers to log, some of them on the device."""
    plan = recipe.optimization
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(step, plan)
    # What the model itself draws, such as dropout, follows from the step, too.
    torch.manual_seed(step_seed(plan.seed, step, fabric.global_rank, "model"))
    with fabric.autocast():
        loss, numbers = recipe.loss(model, batch, gathering(fabric))
    optimizer.zero_grad()
    fabric.backward(loss)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    average_gradients(fabric, parameters)
    limit = math.inf if plan.grad_clip is None else plan.grad_clip
    norm = clip_grad_norm_(parameters, limit)
    optimizer.step()
    recipe.after_step(model, step)
    return {"loss": loss.detach(), "gradient_norm": norm.detach(), **numbers}


def _restore(path: Path, state: State, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    try:
        model.load_state_dict(state.model)
        optimizer.load_state_dict(state.optimizer)
    except (RuntimeError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path}: does not fit the recipe's model: {in_one_line(error)}; "
            "remove it to begin again"
        ) from None


def _not_finite(step: int, rows: Sequence[Mapping[str, float]]) -> str:
    for i, row in enumerate(rows, start=step - len(rows) + 1):
        for name, value in row.items():
            if not math.isfinite(value):
                return (
                    f"{name} is {value} at step {i}: training has failed; try a lower learning "
                    "rate, a longer warm-up or grad_clip (what was saved before is kept)"
                )
    raise AssertionError("all numbers are finite")
