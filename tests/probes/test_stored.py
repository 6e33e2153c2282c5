"""Probe sets as files: bit-identical, resumable, readable by ``datasets``, verified."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from harness.images import Failure
from harness.sample import Damage, Dataset, Sample
from harness.store import StoreError
from probes import stored
from probes.contents import embedded, folder
from probes.masks import MaskRecipe
from probes.render import Recipe, mask_json
from probes.stored import build
from probes.stored_rows import differing, file_name, inside, rows_hash
from probes.stored_verify import verify

CONTENTS = embedded()[:2]


class Unreachable:
    """A cell of a plan that no severity reaches."""

    def fingerprint(self) -> str:
        return "unreachable"

    def load(self, policy: object) -> Failure:
        return Failure("equal energy: not reached at 1/64")

    def alpha(self) -> None:
        return None


def probe_set(types: tuple[str, ...] = ("jpeg", "jitter"), seed: int = 0) -> Dataset:
    samples = []
    for content in CONTENTS:
        for type in types:
            for area in (Fraction(1, 16), Fraction(1)):
                mask = None if area == 1 else mask_json(MaskRecipe("ellipse", float(area), 4))
                damage = Damage(type, 3, mask=mask, area_asked=float(area), seed=seed)
                samples.append(
                    Sample(
                        f"{content.id}/{type}/{area.numerator}-{area.denominator}",
                        Recipe(content, (damage,)),
                        content.id,
                        damages=(damage,),
                        reference=content.id,
                        facts=(("role", "probe"), ("ladder", "plain")),
                    )
                )
    lost = replace(samples[0], id=f"{CONTENTS[0].id}/lost/1-64", source=Unreachable())
    return Dataset(
        "tiny-probes",
        (*samples, lost),
        tuple(Sample(c.id, Recipe(c), c.id) for c in CONTENTS),
    )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "set"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IQA_EVAL_CACHE", str(folder.parent / "cache"))
        build(probe_set(), folder, {"seed": 0}, workers=2)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def copied(folder: Path, to: Path) -> Path:
    for name, data in files(folder).items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes(data)
    return to


def test_one_and_two_workers_write_the_same_bytes(built: Path, tmp_path: Path) -> None:
    found = build(probe_set(), tmp_path / "one", {"seed": 0}, workers=1)
    assert files(tmp_path / "one") == files(built)
    assert (found.files, found.unreached, found.kept) == (10, 1, 0)
    assert found.set_hash == json.loads((built / "probe_set.json").read_text())["set_hash"]
    assert build(probe_set(seed=1), tmp_path / "other", workers=1).set_hash != found.set_hash


def test_files_are_the_rendered_pixels_and_the_manifest_says_what_was_done(built: Path) -> None:
    rows = {row["id"]: row for row in pq.read_table(built / "metadata.parquet").to_pylist()}
    dataset = probe_set()
    assert list(rows) == [image.id for image in dataset.images]
    for image in dataset.images:
        row = rows[image.id]
        if isinstance(image.source, Unreachable):
            assert row["file_name"] is None
            assert row["reason"] == "equal energy: not reached at 1/64"
            continue
        pixels = np.asarray(Image.open(built / row["file_name"]))
        np.testing.assert_array_equal(
            pixels.transpose(2, 0, 1), image.source.load(None).image.numpy()
        )
        assert row["fingerprint"] == image.source.fingerprint()
        assert row["types"] == [damage.type for damage in image.damages]
    row = rows[f"{CONTENTS[0].id}/jpeg/1-16"]
    assert (row["role"], row["ladder"], row["shape"], row["feather"]) == (
        *("probe", "plain", "ellipse"),
        0.0,
    )
    assert 15 < row["local_psnr"] < 45
    assert row["mse"] > 0
    assert rows[CONTENTS[0].id]["role"] == "pristine"
    assert rows[CONTENTS[0].id]["local_psnr"] is None


def test_probes_that_change_nothing_have_a_file_and_facts(tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    Image.new("RGB", (64, 64), (90, 120, 150)).save(tmp_path / "photographs" / "flat.png")
    (flat,) = folder(tmp_path / "photographs")
    damage = Damage("gaussian-blur", 3, mask=mask_json(MaskRecipe("ellipse", 1 / 16)))
    facts = (("ladder", "equal-damage"), ("complete", "yes"), ("visible", "no"), ("changed", "no"))
    sample = Sample("flat/blur", Recipe(flat, (damage,)), "flat", damages=(damage,), facts=facts)
    dataset = Dataset("flat", (sample,), (Sample("flat", Recipe(flat), "flat"),))
    assert build(dataset, tmp_path / "set", workers=1).files == 2
    probe, pristine = pq.read_table(tmp_path / "set" / "metadata.parquet").to_pylist()
    assert probe["pixels_sha256"] == pristine["pixels_sha256"]
    assert [probe[name] for name, _ in facts] == [value for _, value in facts]
    assert [probe[name] for name in ("local_psnr", "delta_e", "mse")] == [100, 0, 0]
    assert probe["local_ssim"] == pytest.approx(1)
    assert pristine["changed"] is None
    assert verify(tmp_path / "set", dataset, workers=1).ok


def test_hugging_face_datasets_reads_it_offline(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    table = load_dataset(str(built), split="test", cache_dir=str(tmp_path / "hf"))
    assert len(table) == 11
    first = table[0]
    expected = probe_set().samples[0].source.load(None).image
    assert torch.equal(torch.from_numpy(np.array(first["image"])).permute(2, 0, 1), expected)
    assert first["types"] == ["jpeg"]
    assert [row["image"] is None for row in table].count(True) == 1


def test_the_card_states_licenses_versions_and_the_hash(built: Path) -> None:
    card = (built / "README.md").read_text("utf-8")
    about = json.loads((built / "probe_set.json").read_text())
    assert about["set_hash"] in card
    assert f"torch {torch.__version__.split('+')[0]}" in card
    for content in CONTENTS:
        assert f"| {content.id} | {content.source} | {content.license} |" in card


def test_a_second_build_keeps_what_is_right_and_makes_the_rest_again(
    built: Path, tmp_path: Path
) -> None:
    folder = copied(built, tmp_path / "set")
    before = files(folder)
    names = [file_name(sample) for sample in probe_set().samples[:3]]
    (folder / names[0]).unlink()
    (folder / names[1]).write_bytes(b"torn")
    Image.new("RGB", (50, 50)).save(folder / names[2])
    kept_at = (folder / file_name(probe_set().samples[3])).stat().st_mtime_ns
    found = build(probe_set(), folder, {"seed": 0}, workers=1)
    assert found.kept == 7
    assert files(folder) == before
    assert (folder / file_name(probe_set().samples[3])).stat().st_mtime_ns == kept_at


def test_pixels_of_other_versions_are_rendered_again(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(built, tmp_path / "set")
    monkeypatch.setattr(stored, "versions", lambda: {"rendering": "another"})
    assert build(probe_set(), folder, {"seed": 0}, workers=1).kept == 0


def test_a_killed_build_goes_on_and_ends_with_the_same_bytes(built: Path, tmp_path: Path) -> None:
    script = """
        import sys, time
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        import test_stored
        from probes import stored
        real = stored._rendered
        stored._rendered = lambda *a: (real(*a), time.sleep(0.3))[0]
        stored.build(test_stored.probe_set(), Path(sys.argv[1]), {"seed": 0}, workers=2)
    """
    folder = tmp_path / "set"
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder), here]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        notes = folder / ".finished.jsonl"
        while time.monotonic() < deadline and not (notes.exists() and notes.stat().st_size):
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    assert not (folder / "metadata.parquet").exists()
    with pytest.raises(ValueError, match="not finished"):
        verify(folder)
    found = build(probe_set(), folder, {"seed": 0}, workers=1)
    assert 0 < found.kept < found.files
    left = {name: data for name, data in files(folder).items() if not name.endswith(".tmp")}
    assert left == files(built)


def test_a_folder_with_something_else_is_left_alone(built: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty and holds no probe set"):
        build(probe_set(), tmp_path)
    with pytest.raises(ValueError, match="holds another set"):
        build(probe_set(("darken",)), copied(built, tmp_path / "set"))


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        if path.suffix == ".png":
            raise OSError(28, "No space left on device")
        path.write_bytes(data)

    monkeypatch.setattr(stored, "write_atomic", full)
    with pytest.raises(StoreError, match=r"cannot write to .*: the disk is full; what was"):
        build(probe_set(), tmp_path / "set", workers=2)


def test_verify_finds_what_is_missing_extra_or_changed(built: Path, tmp_path: Path) -> None:
    assert verify(built, workers=1).ok
    folder = copied(built, tmp_path / "set")
    first, second, third = (file_name(sample) for sample in probe_set().samples[:3])
    (folder / first).unlink()
    pixels = np.asarray(Image.open(folder / second)).copy()
    pixels[5, 5, 0] ^= 1
    Image.fromarray(pixels).save(folder / second)
    Image.open(folder / third).save(folder / third, compress_level=9)  # other bytes, same pixels
    (folder / "images" / "more.png").write_bytes(b"")
    report = verify(folder, workers=2)
    assert (report.missing, report.changed, report.extra) == (
        *((first,), (second,)),
        ("images/more.png",),
    )
    assert not report.ok
    assert report.sound == 8
    assert report.lines()[-1] == "not as it was built"


def test_verify_finds_a_manifest_that_was_edited(built: Path, tmp_path: Path) -> None:
    folder = copied(built, tmp_path / "set")
    table = pq.read_table(folder / "metadata.parquet")
    pq.write_table(table.slice(1), folder / "metadata.parquet")
    report = verify(folder, workers=1)
    assert len(report.extra) == 1
    assert "hash of the set differs" in report.wrong[0]
    assert "hash of its rows differs" in report.wrong[1]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("severities", [5.0]),
        ("masks", [mask_json(MaskRecipe("ellipse", 1 / 16, 5))]),
        ("types", ["jpeg2000"]),
        ("areas_met", [0.5]),
        ("content", CONTENTS[1].id),
        ("local_psnr", 99.0),
        ("mse", float("nan")),
        ("fingerprint", "0" * 64),
    ],
)
def test_verify_finds_a_label_that_was_edited(
    built: Path, tmp_path: Path, column: str, value: object
) -> None:
    folder = copied(built, tmp_path / "set")
    table = pq.read_table(folder / "metadata.parquet")
    rows = table.to_pylist()
    assert rows[0]["id"] == probe_set().samples[0].id
    assert rows[0][column] != value
    rows[0][column] = value
    pq.write_table(table.from_pylist(rows, table.schema), folder / "metadata.parquet")
    report = verify(folder, workers=1)
    assert not report.ok
    assert "hash of its rows differs" in report.wrong[0]
    # Whoever also makes the hash fit is found out by the rows that are made here.
    about = json.loads((folder / "probe_set.json").read_text())
    about["rows_hash"] = rows_hash(rows)
    (folder / "probe_set.json").write_text(json.dumps(about))
    assert verify(folder, workers=1).ok
    report = verify(folder, probe_set(), workers=1)
    assert report.different == (f"{rows[0]['id']}: here another {column}",)
    assert not report.ok


def test_the_hash_of_rows_is_of_what_they_say_not_of_parquet(built: Path, tmp_path: Path) -> None:
    folder = copied(built, tmp_path / "set")
    table = pq.read_table(folder / "metadata.parquet")
    columns = sorted(table.column_names)
    pq.write_table(table.select(columns)[::-1], folder / "metadata.parquet", compression="zstd")
    assert verify(folder, probe_set(), workers=1).ok


def test_achieved_damage_may_differ_by_rounding(built: Path) -> None:
    (row, *_) = pq.read_table(built / "metadata.parquet").to_pylist()
    assert not list(differing(row, row | {"local_psnr": row["local_psnr"] * (1 + 1e-7)}))
    assert list(differing(row, row | {"local_psnr": row["local_psnr"] + 0.01, "mse": None})) == [
        *("local_psnr", "mse"),
    ]


def test_verify_renders_anew_and_compares_every_bit(built: Path) -> None:
    report = verify(built, probe_set(), workers=2)
    assert report.ok
    assert report.rendered == 11
    report = verify(built, probe_set(seed=1), workers=1)
    assert len(report.different) == 9  # the cell without pixels, too
    assert all("another seed, damages" in line for line in report.different)
    # jpeg draws nothing, so that another seed gives the same pixels.
    other = [line.split("/")[1] for line in report.different if "pixels_sha256" in line]
    assert other == ["jitter"] * 4
    report = verify(built, probe_set(("jpeg", "darken")), workers=1)
    assert sum("not in the plan" in line for line in report.different) == 4
    assert sum("not in the set" in line for line in report.different) == 4


def test_contents_that_are_not_here_are_said_to_be(built: Path, tmp_path: Path) -> None:
    gone = replace(CONTENTS[0], path=tmp_path / "gone.png")
    dataset = probe_set()
    lost = replace(dataset.samples[1], source=Recipe(gone, dataset.samples[1].damages))
    dataset = replace(dataset, samples=(dataset.samples[0], lost, *dataset.samples[2:]))
    report = verify(built, dataset, workers=1)
    assert report.different == (f"{lost.id}: not rendered: content '{gone.id}': file not found",)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "images/../../x.png", "images/a/../b.png", "other/a/b.png", "images/a"]
)
def test_a_manifest_cannot_name_files_outside(name: str) -> None:
    assert not inside(name)


def test_names_of_files_are_their_own_and_safe() -> None:
    dataset = probe_set()
    names = [file_name(image) for image in dataset.images]
    odd = replace(dataset.samples[0], id="a b/ü:?*/../x", content="../train")
    names += [file_name(odd), file_name(replace(odd, id="a-b/ü:?*/../x"))]
    assert len({name.lower() for name in names}) == len(names)
    assert all(inside(name) for name in names)
