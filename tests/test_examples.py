"""The example runs as it stands, from the command line and as a notebook, with few trials."""

import ast
import re
import shutil
import tomllib
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient

import hpsearch
from hpsearch.system.import_path import look_in
from tests.tools.commands import cli
from tests.tools.editing import edited

EXAMPLE = Path(hpsearch.__file__).parents[1] / "examples" / "optimizers"


@pytest.fixture
def folder(tmp_path):
    """The example in a folder of its own, with 3 trials and 2 repeats."""
    shutil.copytree(EXAMPLE, tmp_path / "optimizers")
    for name, old in (("optimizers.toml", "{} = {}"), ("optimizers.ipynb", "{}={}")):
        file, text = tmp_path / "optimizers" / name, (EXAMPLE / name).read_text()
        for key, many, few in (("trials", 20, 3), ("repeats", 10, 2)):
            text = edited(text, old.format(key, many), old.format(key, few))
        file.write_text(text)
    return tmp_path / "optimizers"


def check(folder):
    """Trials that learnt something, each in its method's own space."""
    tables = hpsearch.load(folder / "optimizers.db")
    trials = tables.trials
    assert len(trials) == 3 * 3 * 2
    assert trials["state"].eq("complete").all()
    assert trials["objective"].max() > 0.7
    assert len(tables.curves) == len(trials) * 5
    assert (trials["momentum"].notna() == trials["kind"].isin(["heavy ball", "nesterov"])).all()
    assert (trials["beta1"].notna() == trials["method"].isin(["lion", "adam"])).all()


def test_it_runs_from_its_study_file(folder):
    done = cli("run", "optimizers.toml", "--executor", "inline", cwd=folder)
    assert done.returncode == 0, done.stderr
    check(folder)


def test_its_notebook_runs_with_its_own_functions_in_worker_processes(folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLE.parents[1]))
    (folder / "optimizers.py").unlink()  # so that no worker finds them there
    notebook = nbformat.read(folder / "optimizers.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    check(folder)
    assert (folder / "optimizers-report" / "curves.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "optimizers-report" / "curves.png").stat().st_size > 10_000
    printed = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert "lion reaches adam's final level after trial" in "".join(output.get("text", "") for output in printed)
    assert any("image/png" in output.get("data", {}) for output in printed)
    assert hpsearch.load(folder / "optimizers.db").comparison.spec.task.name == "__main__:TASK"


def test_the_notebook_and_the_module_are_the_same_code():
    notebook = nbformat.read(EXAMPLE / "optimizers.ipynb", as_version=4)
    cells = ast.parse("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code"))
    module = ast.parse((EXAMPLE / "optimizers.py").read_text())
    defined = (ast.ClassDef, ast.FunctionDef, ast.Assign)
    there = [ast.dump(statement) for statement in cells.body if isinstance(statement, defined)]
    here = [ast.dump(statement) for statement in module.body if isinstance(statement, defined)]
    assert here == there[: len(here)]


@pytest.mark.parametrize(("page", "statements"), [("README.md", 6), ("docs/own-task.md", 9)])
def test_pages_show_the_module_as_it_is(page, statements):
    text = (EXAMPLE.parents[1] / page).read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(# optimizers\.py.*?)```", text, re.DOTALL)
    module = [ast.dump(statement) for statement in ast.parse((EXAMPLE / "optimizers.py").read_text()).body]
    shown = [ast.dump(statement) for statement in ast.parse(code).body]
    assert len(shown) == statements
    assert set(shown) <= set(module)


def test_a_page_shows_its_study_file_as_it_is():
    text = (EXAMPLE.parents[1] / "docs" / "own-task.md").read_text(encoding="utf-8")
    (study,) = re.findall(r"```toml\n(# optimizers\.toml.*?)```", text, re.DOTALL)
    whole = tomllib.loads((EXAMPLE / "optimizers.toml").read_text())
    assert tomllib.loads(study) == {key: value for key, value in whole.items() if key != "description"}


def test_its_lion_is_the_papers():
    """Chen et al. (2023), algorithm 2, without weight decay: the step looks ahead by beta1, the average keeps beta2."""
    look_in([str(EXAMPLE)])
    from optimizers import Lion

    random = np.random.default_rng(3)
    start, gradients = random.normal(size=5), random.normal(size=(20, 5))
    weight = torch.tensor(start, requires_grad=True)
    lion = Lion([weight], lr=0.1, beta1=0.7, beta2=0.95)
    theta, m = start.copy(), np.zeros(5)
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        lion.step()
        theta = theta - 0.1 * np.sign(0.7 * m + 0.3 * gradient)
        m = 0.95 * m + 0.05 * gradient
        np.testing.assert_allclose(weight.detach().numpy(), theta, rtol=1e-12)
