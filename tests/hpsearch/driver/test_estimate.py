"""What a dry run says, from one pack of each method trained by the path that a run takes."""

import pytest

from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import silent
from hpsearch.driver.estimate import estimate
from hpsearch.study.plan import read_plan
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK

PACKED = """
from hpsearch import Objective, Result, Task


class Packed(Task):
    objective = Objective("loss", chance=1.0, direction="minimise")
    pack = 8

    def train(self, method, configurations, seeds, device):
        with open({log!r}, "a") as file:
            file.write(f"{{len(configurations)}} ")
        if len(configurations) > 3:
            raise MemoryError("too many")
        return [Result(c["x"] ** 2) for c in configurations]


TASK = Packed()
"""
STUDY = edited(
    edited(OWN_STUDY, "repeats = 3", "repeats = 8"), "[methods.narrow]\nspace = {{ x = [0.0, 1.0], depth = 3 }}", ""
)


def test_it_halves_a_pack_that_memory_does_not_hold_as_a_run_does(own_study, tmp_path):
    log = tmp_path / "sizes"
    plan = read_plan(own_study(PACKED.format(log=str(log)), STUDY))
    found = estimate(plan, tmp_path / "none.db", 2, silent)
    assert plan.pack_size == 8
    # The first pack finds out how many fit, the second is timed in halves of halves.
    assert log.read_text().split() == ["8", "4", *["2"] * 4, *["2"] * 4]
    assert (found.trials, found.recorded, found.workers) == (48, 0, 2)


def test_a_task_that_fails_is_a_sentence_which_says_where(own_study, tmp_path):
    study = own_study(edited(OWN_TASK, "    value =", '    raise OSError("no such disk")\n    value ='))
    with pytest.raises(
        TaskError, match=r"a pack of wide cannot be trained: OSError: no such disk \(own_task_\d+\.py:6\)"
    ):
        estimate(read_plan(study), tmp_path / "none.db", 2, silent)
    done = cli("run", study, "--dry-run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "OSError: no such disk" in done.stderr
    assert "Traceback" not in done.stderr


def test_proposals_are_timed_for_whole_packs(own_study, tmp_path, monkeypatch):
    asked = []
    plan = read_plan(own_study(PACKED.format(log=str(tmp_path / "sizes")), STUDY))
    searcher = type(plan.searchers["wide"])
    propose = searcher.propose
    monkeypatch.setattr(searcher, "propose", lambda *a: asked.append([len(h) for h in a[2]]) or propose(*a))
    estimate(plan, tmp_path / "none.db", 2, silent)
    assert asked[-2:] == [[5] * 8] * 2  # eight studies whose sixth and last trial is next
