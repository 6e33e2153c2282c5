"""``iqa-eval figure``: how a probe set looks to models. Finished work of runs is used again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.reports.style import Picture
    from harness.sample import Dataset
    from harness.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Draw what models make of damage that is known: distributions, maps, embeddings, "
    "relational.",
)

Models = Annotated[list[str] | None, typer.Option("--models", help="Names; repeat, or A,B.")]
ModelOption = Annotated[
    list[str] | None, typer.Option(help="MODEL.NAME=VALUE, e.g. arniqa.variant=whole.")
]
Set = Annotated[str, typer.Option("--dataset", help="A probe set, e.g. probes-default.")]
Root = Annotated[
    Path | None, typer.Option(help="Folder of photographs; default: those that are embedded.")
]
SetOption = Annotated[
    list[str] | None, typer.Option(help="NAME=VALUE, for the dataset, e.g. budget=1000.")
]
Out = Annotated[Path, typer.Option(help="Folder for the figure (SVG, PNG) and its caption.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; default: every core.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")]
Cache = Annotated[Path | None, typer.Option(help="Where finished work is kept.")]

_PROBES, _FIGURES = "demo-probes", Path("results/run/figures")
_MAPPERS = ("sliding:pyiqa:ssim", "sliding:pyiqa:fsim", "sliding:pyiqa:piqe")


@app.command()
def distributions(
    models: Models = None,
    dataset: Set = _PROBES,
    out: Out = _FIGURES,
    model_option: ModelOption = None,
    root: Root = None,
    dataset_option: SetOption = None,
    workers: Workers = None,
    device: Device = "cpu",
    cache: Cache = None,
) -> None:
    """Draw how scores are distributed, by damaged area; their quantiles go to a CSV file.

    Default models: PSNR, SSIM, MS-SSIM, VIF and FSIM; LPIPS and DISTS where their weights are.
    """
    from harness.cli_options import names, options_of

    from .figures.distributions import METRICS, OPERATIONS, quantiles
    from .figures.distributions import distributions as draw
    from .figures.outputs import answers

    chosen = names(models) or list(METRICS)
    asked = options_of("model", chosen, model_option)
    with _ready(dataset, root, dataset_option, workers, device, cache) as (images, settings):
        found, left_out = answers(asked, images, OPERATIONS, settings)
    _say(left_out)
    table = quantiles(images, found).to_csv(index=False, lineterminator="\n")
    _save(draw(images, found, list(left_out)), out, table)


@app.command()
def maps(
    models: Models = None,
    dataset: Set = _PROBES,
    n: Annotated[int, typer.Option(min=1, help="Probes, one a row.")] = 5,
    sample: Annotated[
        list[str] | None, typer.Option(help="The id of a probe to show instead; repeat.")
    ] = None,
    out: Out = _FIGURES,
    model_option: ModelOption = None,
    root: Root = None,
    dataset_option: SetOption = None,
    workers: Workers = None,
    device: Device = "cpu",
    cache: Cache = None,
) -> None:
    """Draw probes beside what differs in them and the maps of models; sliding:NAME for a scorer."""
    from harness.cli_options import names, options_of

    from .figures.map_figure import map_figure
    from .figures.maps import maps as compute
    from .figures.picks import named, picks

    asked = options_of("model", names(models) or list(_MAPPERS), model_option)
    with _ready(dataset, root, dataset_option, workers, device, cache) as (images, settings):
        shown = named(images, sample) if sample else picks(images, n)
        found, left_out = compute(asked, images, shown, settings)
    _say(left_out)
    _save(map_figure(images, shown, found, list(left_out), settings), out)


@app.command()
def embeddings(
    model: Annotated[str, typer.Option(help="A model that gives features, e.g. nss:brisque.")],
    dataset: Set = _PROBES,
    seed: Annotated[int, typer.Option(help="Fixes the embedding.")] = 0,
    out: Out = _FIGURES,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for the model.")] = None,
    root: Root = None,
    dataset_option: SetOption = None,
    workers: Workers = None,
    device: Device = "cpu",
    cache: Cache = None,
) -> None:
    """Draw a t-SNE of a model's features by type, area and severity of the damage."""
    from harness.cli_options import options

    from .figures.embeddings import embeddings as draw
    from .figures.outputs import answers

    asked = {model: options(option)}
    with _ready(dataset, root, dataset_option, workers, device, cache) as (images, settings):
        (found,), _ = answers(asked, images, ("features",), settings)
    _save(draw(images, found, seed), out)


@app.command()
def relational(
    model: Annotated[str, typer.Option(help="A model whose maps name types.")] = "relational",
    n: Annotated[int, typer.Option(min=1, help="Photographs, one a row.")] = 4,
    seed: Annotated[int, typer.Option(help="Fixes which photographs and damage.")] = 0,
    out: Out = _FIGURES,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for the model.")] = None,
    root: Root = None,
    workers: Workers = None,
    device: Device = "cpu",
    cache: Cache = None,
) -> None:
    """Draw pairs of versions with known damage: what a model's maps should say, and what they do.

    Give photographs that the model was not trained on.
    """
    from harness.cli_options import options

    from .figures.opposed import opposed
    from .figures.relational_figure import relational_figure
    from .figures.relational_maps import maps

    asked = options(option)
    with _settings(workers, device, cache) as settings:
        pairs = opposed(None if root is None else str(root), n, seed).hashed()
        answer = maps(model, asked, pairs, settings)
    _save(relational_figure(pairs, answer, settings), out)


@contextmanager
def _ready(
    name: str,
    root: Path | None,
    given: list[str] | None,
    workers: int | None,
    device: str,
    cache: Path | None,
) -> Iterator[tuple[Dataset, Settings]]:
    """The dataset and how to compute on it, as a run would: its cells are then the same."""
    from harness.cli_options import options
    from harness.datasets import load_dataset

    with _settings(workers, device, cache) as settings:
        of_dataset = options(given, "--dataset-option", "the dataset")
        yield load_dataset(name, root, **of_dataset).hashed(), settings


@contextmanager
def _settings(workers: int | None, device: str, cache: Path | None) -> Iterator[Settings]:
    from harness.cache import default_cache
    from harness.file_hashes import remembering
    from harness.images import DecodePolicy
    from harness.runner import cores
    from harness.settings import Settings

    folder = cache or default_cache()
    with remembering(folder):
        yield Settings(folder / "cells", DecodePolicy(), workers or cores(), device)


def _say(left_out: dict[str, str]) -> None:
    for name, why in left_out.items():
        typer.echo(f"left out: {name}: {why}", err=True)


def _save(picture: Picture, folder: Path, table: str | None = None) -> None:
    from .figures.save import save

    for path in save(picture, folder, {} if table is None else {"csv": table.encode()}):
        typer.echo(f"{path}")
