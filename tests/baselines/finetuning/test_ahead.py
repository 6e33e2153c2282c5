"""What is made ahead, and how much memory pictures may take."""

from __future__ import annotations

import threading

import pytest

from baselines.finetuning import memory
from baselines.finetuning.ahead import ahead, threads_for


@pytest.mark.parametrize("threads", [1, 3])
def test_all_is_made_in_order_by_other_threads_and_not_too_early(threads):
    asked, here = [], threading.get_ident()

    def make(i):
        assert threading.get_ident() != here
        asked.append(i)
        return 10 * i

    found = []
    for number in ahead(make, range(9), threads):
        found.append(number)
        assert len(asked) <= len(found) + threads
    assert found == [10 * i for i in range(9)]
    assert list(ahead(make, [], threads)) == []


def test_one_is_made_while_the_one_before_is_worked_on():
    begun = [threading.Event() for _ in range(3)]
    made = ahead(lambda i: begun[i].set(), range(3), 1)
    next(made)
    assert begun[1].wait(10)


def test_what_goes_wrong_comes_in_its_turn():
    made = ahead(lambda i: 1 // (i - 2), range(5), 3)
    assert [next(made), next(made)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_one_thread_works_ahead_on_a_cpu_and_more_for_an_accelerator(monkeypatch):
    assert threads_for("cpu") == 1
    for cores, threads in ((16, 8), (4, 4), (None, 1)):
        monkeypatch.setattr("baselines.finetuning.ahead.os.cpu_count", lambda n=cores: n)
        assert threads_for("cuda:1") == threads


def test_pictures_take_a_quarter_of_the_memory_which_workers_divide(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_LIMIT", tmp_path / "memory.max")
    machine = memory.for_pictures()
    assert machine > 0
    monkeypatch.setattr(memory.os, "cpu_count", lambda: 4)
    for limit, quarter in (("max", machine), (str(1 << 20), 1 << 18)):
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        assert memory.for_pictures() == quarter
        with monkeypatch.context() as patch:
            patch.setattr(memory, "parent_process", lambda: "a worker")
            assert memory.for_pictures() == quarter // 4
