"""Scores made elsewhere: what is read, and what is refused in one line."""

import hashlib

import pytest

from baselines.scores_file import FAMILY
from harness.model import KnownScores, operations


@pytest.fixture
def write(tmp_path):
    def write(text, name="closed tool.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_scores_are_read_by_id(write):
    path = write('id,score\na/1.png,0.5\n"b, the second",-2e1\n\n')
    model = FAMILY.load(path)
    assert model.scores_by_id == {"a/1.png": 0.5, "b, the second": -20.0}
    assert isinstance(model, KnownScores)
    assert operations(model) == {"score"}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("id,score\na,1\nb,2\n", {"direction": "lower"}),
        ("id,score,direction\na,1,lower\nb,2,lower\n", {}),
        ("id,score,direction\na,1,lower\nb,2,lower\n", {"direction": "lower"}),
    ],
)
def test_lower_is_better_turns_the_sign(write, text, options):
    assert FAMILY.load(write(text), **options).scores_by_id == {"a": -1.0, "b": -2.0}


def test_files_as_spreadsheets_write_them(write):
    path = write("\ufeffname, score ,id\r\nx,1,a\r\ny,2, b\r\n")
    assert FAMILY.load(path).scores_by_id == {"a": 1.0, " b": 2.0}


def test_the_card(write):
    path = write("id,score\na,1\n")
    card = FAMILY.load(path).card
    assert card.name == "scores:closed tool"
    assert card.mode == "NR"
    assert card.trained_on is None
    assert card.weights[0].name == "closed tool.csv"
    assert card.weights_hash == hashlib.sha256(b"id,score\na,1\n").hexdigest()


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "columns id and score.*has: nothing"),
        ("image,score\na,1\n", {}, "columns id and score.*has: image, score"),
        ("id;score\na;1\n", {}, "columns id and score.*has: id;score"),
        ("id,score,score\na,1,2\n", {}, "each once"),
        ("id,score\n", {}, "holds no scores"),
        ("id,score\na,1\nb,nan\n", {}, "line 3: the score 'nan' is not finite"),
        ("id,score\na,inf\n", {}, "line 2: the score 'inf' is not finite"),
        ("id,score\na,good\n", {}, "line 2: the score 'good' is not a number"),
        ("id,score\na,\n", {}, "line 2: the score '' is not a number"),
        ("id,score\na,1\nb,2\na,1\n", {}, "line 4: the id 'a' appears twice"),
        ("id,score\na,1,2\n", {}, "line 2: 3 fields under 2 columns"),
        ('id,score\n"a,1\n', {}, "unexpected end of data"),
        ("id,score\na,1\n", {"direction": "up"}, "'up' is neither 'higher' nor 'lower'"),
        ("id,score,direction\na,1,best\n", {}, "line 2: 'best' is neither"),
        ("id,score,direction\na,1,lower\nb,2,higher\n", {}, "line 3: direction 'higher' after"),
        ("id,score,direction\na,1,lower\n", {"direction": "higher"}, "'lower' after 'higher'"),
        ("id,score\na,1\n", {"sign": -1}, "unknown option 'sign'; options: direction"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", {}, "not a CSV file in UTF-8"),
        (b"\x00\x01\x02", {}, "columns id and score|line contains NUL"),
    ],
)
def test_bad_files_and_options_are_one_clear_line(write, text, options, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as caught:
        FAMILY.load(path, **options)
    assert "\n" not in str(caught.value)
    assert path in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ValueError, match=r"none\.csv: No such file"):
        FAMILY.load(str(tmp_path / "none.csv"))
    with pytest.raises(ValueError, match="Is a directory"):
        FAMILY.load(str(tmp_path))
