"""Every ingredient of a key counts: an incomplete key hands out another model's numbers."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from harness import cells
from harness.cells import Cell, fit_key, make_cell
from harness.model import ModelCard, Weights
from harness.sample import Damage, Pair, Sample
from harness.source import FileSource
from tests.conftest import card
from tests.harness.conftest import CELL

OTHER = {"libraries": (("torch", "2.1"),), "schema": 99}


@pytest.mark.parametrize("field", [f.name for f in fields(Cell)])
def test_every_field_changes_the_key_and_the_folder(field):
    changed = replace(CELL, **{field: OTHER.get(field, "other")})
    assert changed.key != CELL.key
    assert changed.folder != CELL.folder


def test_equal_cells_have_equal_keys():
    assert replace(CELL).key == CELL.key


def test_a_folder_is_readable_and_stays_below_the_root():
    assert CELL.folder.startswith("m/d/score-")
    hostile = replace(CELL, model="../../x", dataset="/etc/passwd", operation="..", reducer="a/b")
    assert not Path(hostile.folder).is_absolute()
    assert ".." not in Path(hostile.folder).parts
    assert len(Path(hostile.folder).parts) == 3


# What of a card may stay out of the key, since it changes no value of a cell. A new field of a
# card must be put here or into the key.
SILENT = {
    *("mode", "summary", "license", "paper", "trained_on", "trained_degradations"),
    *("trained_masks", "coverage", "batch_invariant", "deterministic", "control"),
    *("map_channels", "channel_types", "max_pixels", "tolerance"),
}
LOUD = {
    "name": "n",
    "version": "2",
    "weights": (Weights("w", "ab"),),
    "precision": "float16",
    "requires": ("scipy",),
    "options": {"k": 3},
}


@pytest.mark.parametrize("field", [f.name for f in fields(ModelCard)])
def test_a_card_changes_the_key_where_it_changes_values(field, tiny):
    before = make_cell(card("m"), tiny, "score", decoding="d")
    if field in SILENT:
        return
    after = make_cell(replace(card("m"), **{field: LOUD[field]}), tiny, "score", decoding="d")
    assert after.key != before.key


def test_two_files_of_weights_are_told_apart_by_their_hashes(tiny):
    keys = {
        make_cell(card("m", weights=weights), tiny, "score", decoding="d").key
        for weights in [
            (),
            (Weights("w", "ab"),),
            (Weights("w", "ac"),),
            (Weights("w", "ab"), Weights("v", "ac")),
            (Weights("w", "ac"), Weights("v", "ab")),
        ]
    }
    assert len(keys) == 5


def test_the_rest_of_the_cell_changes_the_key(tiny):
    def key(dataset=tiny, operation="score", **changes):
        return make_cell(card("m"), dataset, operation, **{"decoding": "d", **changes}).key

    keys = [
        key(),
        key(replace(tiny, name="tinier")),
        key(replace(tiny, samples=tiny.samples[:-1])),
        key(operation="features"),
        key(reducer="mask-stats@1"),
        key(decoding="e"),
        key(device="cuda"),
        key(fit="f"),
        key(replace(tiny, requires=("scipy",))),
    ]
    assert len(set(keys)) == len(keys)
    assert (
        key(replace(tiny, license="MIT", citation="c", circular=("m",), head_dataset="h"))
        == (keys[0])
    )


@pytest.mark.parametrize("library", [*cells.LIBRARIES, "stranger"])
def test_another_version_of_a_library_changes_the_key(library, tiny, monkeypatch):
    def key():
        return make_cell(card("m", requires=("stranger",)), tiny, "score", decoding="d").key

    before, real = key(), cells.library_version
    monkeypatch.setattr(cells, "library_version", lambda n: "9" if n == library else real(n))
    assert key() != before


def test_the_versions_are_those_that_are_installed(tiny):
    import numpy
    import torch

    found = dict(make_cell(card("m", requires=("no-such",)), tiny, "score", decoding="d").libraries)
    assert torch.__version__.partition("+")[0] == found["torch"].partition("+")[0]
    assert found["numpy"] == numpy.__version__
    assert found["no-such"] == "absent"


# Hashes of a dataset ---------------------------------------------------------------------


def first(dataset, **changes):
    """``dataset`` with its first sample changed."""
    sample, *rest = dataset.samples
    return replace(dataset, samples=(replace(sample, **changes), *rest))


FOR_PROTOCOLS = [
    {"label": 3.25},
    {"label": None},
    {"label_std": 0.5},
    {"raw_score": 3.0},
    {"content": "elsewhere"},
    {"split": "test"},
    {"damages": (Damage("jpeg", 2),)},
    {"facts": (("role", "probe"),)},
]


@pytest.mark.parametrize("changes", FOR_PROTOCOLS, ids=str)
def test_what_only_protocols_see_changes_the_labels_hash_only(tiny, changes):
    changed = first(tiny, **changes)
    assert changed.labels_hash != tiny.labels_hash
    assert changed.images_hash == tiny.images_hash


def test_a_dataset_has_a_name_and_labels_of_a_known_kind(tiny):
    with pytest.raises(ValueError, match="dataset ' ': the name is empty"):
        replace(tiny, name=" ")
    with pytest.raises(ValueError, match=r"dataset 'a\\x1b': the name holds"):
        replace(tiny, name="a\x1b")
    with pytest.raises(ValueError, match=r"dataset tiny: label_kind must be one of mos, .*'mean'"):
        replace(tiny, label_kind="mean")


def test_what_was_measured_of_the_pixels_changes_no_hash(tiny):
    changed = first(tiny, measured=(("local_psnr", 31.5),))
    assert changed.samples[0].fact("local_psnr") == 31.5
    assert changed.labels_hash == tiny.labels_hash
    assert changed.images_hash == tiny.images_hash


def test_the_kind_of_labels_is_part_of_the_labels_hash_only(tiny):
    changed = replace(tiny, label_kind="ordinal")
    assert changed.labels_hash != tiny.labels_hash
    assert changed.images_hash == tiny.images_hash


def test_what_a_cell_depends_on_changes_the_images_hash(tiny, photos):
    masked = [Damage("jpeg", 2, mask=mask) for mask in ('{"area":0.25}', '{"area":0.5}')]
    pairs = (Pair("p", "scene0_1.jpg", "scene0_2.jpg", "c"),)
    changed = [
        tiny,
        first(tiny, id="renamed"),
        first(tiny, source=FileSource(photos / "scene5_0.jpg")),
        first(tiny, source=FileSource(photos / "missing.jpg")),
        first(tiny, reference="scene1_0.jpg"),
        first(tiny, reference=None),
        first(tiny, damages=(masked[0],)),
        first(tiny, damages=(masked[1],)),
        replace(tiny, samples=tiny.samples[1:]),
        replace(tiny, explicit_pairs=pairs),
        replace(tiny, explicit_pairs=(replace(pairs[0], id="q"),)),
        replace(tiny, explicit_pairs=(replace(pairs[0], reference="scene0_3.jpg"),)),
    ]
    assert len({dataset.images_hash for dataset in changed}) == len(changed)


def test_changed_bytes_of_one_file_change_the_images_hash(tiny, photos):
    before = tiny.images_hash
    path = photos / "scene3_2.jpg"
    path.write_bytes(path.read_bytes() + b"\0")
    assert replace(tiny).images_hash != before


def test_the_bytes_of_a_reference_count(tiny, photos):
    before = tiny.images_hash
    (photos / "scene3_0.jpg").write_bytes((photos / "scene2_0.jpg").read_bytes())
    assert replace(tiny).images_hash != before


def test_where_the_files_lie_does_not_count(tiny, photos, tmp_path):
    moved = tmp_path / "moved"
    photos.rename(moved)

    def there(image: Sample) -> Sample:
        return replace(image, source=FileSource(moved / image.source.path.name))

    copy = replace(
        tiny,
        samples=tuple(map(there, tiny.samples)),
        references=tuple(map(there, tiny.references)),
    )
    photos.symlink_to(moved)
    assert copy.images_hash == tiny.images_hash


def test_the_order_of_rows_is_no_part_of_a_dataset(tiny):
    """Everything is keyed by id: a table sorted in another way is the same dataset."""
    pairs = tuple(Pair(s.id, s.id, s.reference, s.content) for s in tiny.samples)
    shuffled = replace(
        tiny,
        samples=tiny.samples[::-1],
        references=tiny.references[::-1],
        explicit_pairs=pairs,
    )
    assert shuffled.images_hash == tiny.images_hash
    assert shuffled.labels_hash == tiny.labels_hash


def test_a_preference_is_a_label(tiny):
    def with_preference(value):
        pair = Pair("p", "scene0_1.jpg", "scene0_2.jpg", "c", preference=value)
        return replace(tiny, explicit_pairs=(pair,))

    before, after = with_preference(0.5), with_preference(-0.5)
    assert after.labels_hash != before.labels_hash
    assert after.images_hash == before.images_hash


def test_ids_are_unique_and_known(tiny):
    with pytest.raises(ValueError, match=r"'scene0_1\.jpg' appears twice"):
        replace(tiny, samples=(*tiny.samples, tiny.samples[0]))
    with pytest.raises(ValueError, match=r"refers to unknown image 'scene0_0\.jpg'"):
        replace(tiny, references=())
    pair = Pair("p", "scene0_1.jpg", "scene0_2.jpg", "c")
    with pytest.raises(ValueError, match="the pair 'p' appears twice"):
        replace(tiny, explicit_pairs=(pair, replace(pair, reference="scene0_3.jpg")))


@pytest.mark.parametrize("label", [float("nan"), float("inf")])
def test_a_label_is_a_number_or_none(tiny, label):
    with pytest.raises(ValueError, match=r"the label of 'scene0_1.jpg' is (nan|inf)"):
        first(tiny, label=label)


# Fits ------------------------------------------------------------------------------------


def test_every_ingredient_of_a_fit_changes_its_key(tiny):
    train = replace(tiny, samples=tiny.samples[:12])
    validation = replace(tiny, samples=tiny.samples[12:])
    backwards = replace(train, samples=train.samples[::-1])

    def key(model=None, train=train, validation=validation, config=None, seed=0):
        return fit_key(model or card("m"), train, validation, config or {"lr": 0.1}, seed)

    keys = [
        key(),
        *(key(replace(card("m"), **{f: LOUD[f]})) for f in LOUD if f != "precision"),
        key(replace(card("m"), precision="float16")),
        key(train=backwards),  # the order of training decides what is learned
        key(train=replace(train, samples=train.samples[:-1])),
        key(validation=replace(validation, samples=validation.samples[1:])),
        key(train=validation, validation=train),
        key(train=first(train, label=9.0)),
        key(validation=first(validation, label=9.0)),
        key(train=first(train, source=FileSource(Path("elsewhere")))),
        key(config={"lr": 0.2}),
        key(seed=1),
    ]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]
