"""The section on methods for a paper: every choice that was made stands in it, and it cites what it uses."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hpsearch.contracts.space import Choice, Fixed, Float, Int, Space
from hpsearch.report import write_report
from hpsearch.report.context import ReportContext
from hpsearch.report.references import WORKS, bibtex
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.methods import write_methods
from hpsearch.report.tex import as_latex
from hpsearch.study.schema import Budget, Named
from tests.hpsearch.report.test_sensitivity import STUDY, TASK
from tests.hpsearch.report.test_verdict import FAST, SLOW, studies, tables
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, run_to_end

DATABASES = Path(__file__).parents[1] / "driver" / "databases"
"""A comparison and its confirmation, as version 0.1 wrote them."""


def written(made, folder, targets=()):
    """The texts of methods.md, methods.tex and references.bib."""
    found = compute_findings(made, targets)
    paths = write_methods(found, ReportContext(made, (folder / "n.db",)), folder)
    assert [path.name for path in paths] == ["methods.md", "methods.tex", "references.bib"]
    return [path.read_text(encoding="utf-8") for path in paths]


def keys(markdown, latex, bib):
    """The works that are cited: the same ones in all three."""
    cited = set(re.findall(r"@(\w+)[\];]", markdown))
    assert cited == {key for group in re.findall(r"\\cite\{([^}]*)\}", latex) for key in group.split(",")}
    assert cited == set(re.findall(r"^@\w+\{(\w+),$", bib, re.MULTILINE))
    return cited


def changed(made, **changes):
    """Tables whose study file says something else."""
    (part,) = made.parts
    return replace(made, parts=(replace(part, spec=part.spec.model_copy(update=changes)),))


def test_every_choice_of_a_real_comparison_stands_in_it(own_study):
    file = run_to_end(own_study(study=edited(OWN_STUDY, 'searcher = "sobol"', 'searcher = "random"\nparallel = 2')))
    written_to = file.with_name("report")
    write_report(file, written_to)
    texts = [(written_to / name).read_text() for name in ("methods.md", "methods.tex", "references.bib")]
    for said in (
        "We compared 2 training methods (wide and narrow)", "its loss, which was minimised",
        "The space of wide had 1 searched hyperparameter: x from 0 to 10 (linear scale).",
        "x from 0 to 1 (linear scale); depth fixed at 3.", "drawn at random, uniformly on the scale of each range",
        "in 3 independent studies of 6 trials, in rounds of 2 proposed together. Each configuration was trained once.",
        "derived from the seed 7 of the comparison", "In all 36 trials were trained.", "without intervals, since",
        "Python 3.", "hpsearch ",
    ):  # fmt: skip
        assert said in texts[0], said
        assert said in texts[1], said
    assert not keys(*texts) & {"balandat2020botorch", "olson2025ax", "akiba2019optuna", "paszke2019pytorch"}
    assert "brookmeyer1982median" not in keys(*texts)  # 3 studies have no such interval


def test_the_tuner_and_the_statistics_are_cited_that_were_used(tmp_path):
    made = tables({"a": studies(0), "b": studies(1)})
    made.parts[0].resolved["searcher"].update(initial=5, draws=128)
    many = keys(*(texts := written(made, tmp_path)))
    assert "after 5 points of a scrambled Sobol sequence" in texts[0]
    assert "maximised (draws = 128)." in texts[0]
    assert {"balandat2020botorch", "letham2019constrained", "ament2023unexpected", "paszke2019pytorch"} <= many
    assert {"kaplan1958nonparametric", "brookmeyer1982median", "mantel1966evaluation", "holm1979procedure"} <= many
    assert {"vargha2000critique", "brunner2000nonparametric", "newcombe2006mann", "efron1993bootstrap"} <= many
    assert "wilcoxon1945individual" not in many
    assert "wilcoxon1945individual" in keys(*written(tables({"a": FAST, "b": SLOW}), tmp_path))
    alone = keys(*written(tables({"a": FAST}), tmp_path))
    assert not alone & {"holm1979procedure", "mantel1966evaluation", "vargha2000critique", "newcombe2006mann"}
    assert "kaplan1958nonparametric" in alone


@pytest.mark.parametrize(
    ("searcher", "settings", "said", "cited"),
    [
        ("ax", {"initial": 5}, "default model and acquisition of Ax", "olson2025ax"),
        ("optuna", {"sampler": "TPESampler", "n": 3}, "the sampler TPESampler of Optuna", "akiba2019optuna"),
        ("sobol", {}, "points of a scrambled Sobol sequence, one sequence for each study", None),
        ("mine:SEARCHER", {"depth": 2}, "by the searcher mine:SEARCHER (depth = 2).", None),
    ],
)
def test_each_tuner_is_described(tmp_path, searcher, settings, said, cited):
    made = changed(tables({"a": FAST, "b": SLOW}), searcher=Named(name=searcher))
    made.parts[0].resolved["searcher"].update(settings)
    texts = written(made, tmp_path)
    assert said in texts[0]
    assert (keys(*texts) & {"olson2025ax", "akiba2019optuna"}) == ({cited} if cited else set())


def test_methods_with_tuners_of_their_own_are_told_apart(tmp_path):
    made = tables({"a": FAST, "b": SLOW})
    made.parts[0].resolved["methods"]["b"]["searcher"] = {"name": "random", "settings": {}}
    text = written(made, tmp_path)[0]
    assert "For a: configurations were proposed by Bayesian optimisation" in text
    assert "For b: configurations were drawn at random" in text


def test_budgets_seeds_losses_and_what_is_left_are_said(tmp_path):
    objectives = {"a": np.where(FAST == 0.5, np.nan, FAST), "b": SLOW}
    made = changed(tables(objectives, planned=80), seeds=3, parallel=4, budget=Budget(epochs=500))
    text = written(made, tmp_path)[0]
    assert "or 500 epochs, in rounds of 4 proposed together" in text
    assert "trained with 3 seeds, and its objective is their mean" in text
    assert "The comparison was not finished: 60 of" in text
    assert re.search(r"diverged or failed \(a \d\) counted as spent, at chance", text)


def test_what_is_not_finished_was_not_tested_and_cites_no_test(tmp_path):
    texts = written(tables({"a": FAST, "b": SLOW}, planned=80), tmp_path)
    assert "Nothing was tested, since more trials were to come." in texts[0]
    assert not re.search(r"log-rank|Holm|\bp inverts|P values", texts[0])
    assert not keys(*texts) & {"mantel1966evaluation", "holm1979procedure", "wilcoxon1945individual"}


def test_splits_of_the_data_are_told_and_the_facts_of_each(tmp_path):
    made = tables({"a": FAST, "b": SLOW})
    (part,) = made.parts
    splits = {str(study): {"fold": study % 3} for study in range(1, 7)}
    part.resolved["splits"] = splits
    facts = {"images": 60, "held out": {"fold = 1": "part 1", "fold = 2": "part 2"}, "sha": {"fold = 1": "0" * 64}}
    text = written(replace(made, parts=(replace(part, data=facts),)), tmp_path)[0]
    assert "Data: images, 60; held out, fold = 1: part 1; fold = 2: part 2." in text
    assert "its own split of the data" in text
    assert "one split of the data" not in text


def test_spaces_are_described_with_scale_schedule_and_condition(tmp_path):
    made = tables({"a": FAST, "b": SLOW})
    kinds = Choice("kind", ("plain", "heavy"))
    made.methods["a"] = Space(
        (Float("x", 1e-5, 1.0, log=True), Int("depth", 1, 64), kinds, Fixed("gamma", 0.1),
         Float("momentum", 0.5, 0.99, when={"kind": ("heavy",)}))
    )  # fmt: skip
    made.trials[["depth", "kind", "momentum"]] = [3, "plain", np.nan]
    made.parts[0].resolved["methods"]["a"]["schedules"] = {"x": "cosine"}
    markdown, latex, _ = written(made, tmp_path)
    assert (
        "The space of a had 4 searched hyperparameters: x from 1e-05 to 1 (logarithmic scale), cosine schedule; depth "
        "from 1 to 64 whole numbers (linear scale); kind one of plain, heavy; gamma fixed at 0.1; momentum from 0.5 to "
        "0.99 (linear scale), only if " in markdown
    )
    assert "x from $10^{-5}$ to 1 (logarithmic scale)" in latex


def test_given_configurations_have_a_section_of_their_own(tmp_path):
    (tmp_path / "lines_of_methods_task.py").write_text(TASK)
    (tmp_path / "lines.toml").write_text(STUDY.format(module="lines_of_methods_task"))
    write_report(run_to_end(tmp_path / "lines.toml"), tmp_path / "report")
    texts = [(tmp_path / "report" / name).read_text() for name in ("methods.md", "methods.tex", "references.bib")]
    for said in (
        "We trained joined and alone at given configurations", "its loss, of which less is better.",
        "joined had 3 configurations: x was one of 1, 10, 100; twice was one of 2, 20, 200.",
        "alone had one configuration: y was 3; depth was 3.", "trained 4 to 12 times",
        "In all 24 trainings were done.", "diverged or failed (joined 4) counted at", "Nothing was tested.",
    ):  # fmt: skip
        assert said in texts[0], said
        assert said in texts[1], said
    assert keys(*texts) == {"efron1993bootstrap"}


def test_fresh_seeds_have_a_section_of_their_own(tmp_path):
    write_report(DATABASES / "figure8-fsdd-confirm.db", tmp_path)
    texts = [(tmp_path / name).read_text() for name in ("methods.md", "methods.tex", "references.bib")]
    for said in (
        "We trained again, with fresh seeds, what the studies of figure8-fsdd had chosen with ",
        "Trained was what each study chose in the end (", "All was on one split of the data",
    ):  # fmt: skip
        assert said in texts[0], said
        assert said in texts[1], said
    assert {"efron1993bootstrap", "holm1979procedure"} <= keys(*texts)


def test_given_targets_are_owned_up_to(tmp_path):
    text = written(tables({"a": FAST, "b": SLOW}), tmp_path, [0.85])[0]
    assert "50% to 99% of all trials' objectives, and 0.8500, which we chose." in text


def test_names_are_text_and_no_markup(tmp_path):
    names = {"a_b & 50% [@x2000y] {": FAST, r"\cite{z} $m$ *s*": SLOW}
    markdown, latex, bib = written(tables(names), tmp_path)
    body = "\n".join(line for line in latex.splitlines() if not line.startswith("%"))
    assert r"a\_b \& 50\%" in body
    assert r"\textbackslash{}cite\{z\} \$m\$" in body
    assert r"\cite{z}" not in body
    plain_braces = re.sub(r"\\[{}]", "", body)
    depths = np.cumsum([{"{": 1, "}": -1}.get(c, 0) for c in plain_braces])
    assert (depths.min(), depths[-1]) == (0, 0)
    assert r"\[@x2000y\]" in markdown
    assert "x2000y" not in bib


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("1e-05", "$10^{-5}$"),
        ("2.5e+16", r"$2.5 \times 10^{16}$"),
        ("6b1a8e30f4df", "6b1a8e30f4df"),
        ("v1e-05x", "v1e-05x"),
    ],
)
def test_powers_of_ten_are_written_as_such(text, latex):
    assert as_latex(text) == latex


@pytest.mark.parametrize("key", WORKS)
def test_each_work_has_what_a_citation_needs(key):
    kind, fields = WORKS[key]
    assert {"author", "title", "year"} <= fields.keys()
    assert {"article": "journal", "inproceedings": "booktitle", "book": "publisher"}[kind] in fields
    assert fields["year"] in key  # so that a key is what everybody calls the work
    assert key.startswith(re.match(r"\w+", fields["author"])[0].lower())
    entry = bibtex([key, key])
    assert entry.count("@") == 1
    assert entry.count("{") == entry.count("}")
