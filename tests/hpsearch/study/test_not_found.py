"""What is said of a plug-in that cannot be found or imported: what stands in its way, and where."""

import re

import pytest

from hpsearch.contracts.errors import SpecError
from hpsearch.study import kinds
from hpsearch.study.registry import Registry


def test_a_name_that_is_nowhere_is_told_what_stands_in_its_way(tmp_path):
    here = Registry((tmp_path, tmp_path / "other"))
    (tmp_path / "mine_unrelated.py").write_text("x = 1\n")
    (tmp_path / "ours_beside.py").write_text("TASK = 1\n")
    for name, said in {
        "mine_unrelated": rf"no such task 'mine_unrelated'.*{tmp_path}/mine_unrelated\.py has no TASK at its top",
        "ours_beside.py": rf"{tmp_path}/ours_beside\.py has one: write 'ours_beside'",
        "my task": "a module's name may have letters, digits, _ and - only",
        "nowhere": rf"looked for nowhere\.py with a TASK in {tmp_path} or {tmp_path}/other",
        "nowhere:TASK": rf"no such module 'nowhere'; looked .* among what is installed and in {tmp_path} or ",
        "x" * 9999: "looked for x+.py with a TASK in ",
    }.items():
        with pytest.raises(SpecError, match=said) as caught:
            here.find(kinds.TASK, name)
        assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("name", ["random", "test", "audio_task"])
def test_a_task_that_another_module_hides_is_named(tmp_path, name):
    (tmp_path / f"{name}.py").write_text("TASK = 1\n")
    file = re.escape(str(tmp_path / f"{name}.py"))
    with pytest.raises(SpecError, match=rf"task: {file} has the name of another module, {name} .*: rename it"):
        Registry.here(tmp_path).find(kinds.TASK, name)
    if name != "audio_task":
        with pytest.raises(SpecError, match=rf"module {name} has no TASK; {file} has its name and is hidden by it"):
            Registry.here(tmp_path).find(kinds.TASK, f"{name}:TASK")


def test_an_error_of_a_users_module_is_told_with_its_file_and_line(tmp_path):
    (tmp_path / "numbers_broken.py").write_text("import math\n\nhalf = math.sqrt(-1)\n")
    (tmp_path / "task_broken.py").write_text("import numbers_broken\nTASK = 1\n")
    with pytest.raises(SpecError, match=r"importing task_broken raised ValueError: .* \(numbers_broken\.py:3\)"):
        Registry.here(tmp_path).find(kinds.TASK, "task_broken")
