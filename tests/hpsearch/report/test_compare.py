"""Several databases on one page, if they measured the same thing in the same way."""

from dataclasses import replace

import pytest

from hpsearch.contracts.errors import DifferentError
from hpsearch.report import Look, ReportContext, write_report_of
from hpsearch.report.facts import provenance_facts
from hpsearch.report.merge import merged
from hpsearch.report.search.curves import compute_curves
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.page import without_tuner
from hpsearch.store.tables import load_tables
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, run_to_end

ONLY_WIDE = OWN_STUDY[: OWN_STUDY.index("[methods.narrow]")]


@pytest.fixture
def files(own_study):
    """Two comparisons of one task: both methods, and one of them again from another seed."""
    both = run_to_end(own_study(), "both.db")
    other = run_to_end(own_study(study=edited(ONLY_WIDE, "seed = 7", "seed = 8")), "other.db")
    return [both, other]


def test_all_methods_stand_side_by_side(files):
    context = merged(files, [load_tables(file) for file in files], force=False)
    tables = context.tables
    assert context.warnings == ()
    assert list(tables.methods) == ["wide (both)", "narrow", "wide (other)"]
    curves = compute_curves(tables)
    alone = compute_curves(load_tables(files[1])).methods["wide"]
    assert (curves.methods["wide (other)"].incumbents == alone.incumbents).all()
    assert curves.planned == (3 * 18, 3 * 18)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("trials = 6", "trials = 5", r"trials \(6 trials against 5 trials\)"),
        ('searcher = "sobol"', 'searcher = "random"', r"searcher \(sobol against random\)"),
    ],
)
def test_what_differs_is_named_and_refused_or_stands_on_the_page(own_study, tmp_path, old, new, named):
    first = run_to_end(own_study(), "first.db")
    second = run_to_end(own_study(study=edited(ONLY_WIDE, old, new)), "second.db")
    tables = [load_tables(first), load_tables(second)]
    with pytest.raises(DifferentError, match=f"second.db differs from first.db in .*{named}.*--force"):
        merged([first, second], tables, force=False)
    write_report_of(merged([first, second], tables, force=True), tmp_path / "report")
    page = (tmp_path / "report" / "README.md").read_text()
    assert "**Warning: second.db differs from first.db" in page
    assert "second.db differs from first.db" in (tmp_path / "report" / "index.html").read_text()


def test_another_objective_cannot_be_forced(own_study, files):
    task = edited(OWN_TASK, 'Objective("loss"', 'Objective("error"')
    third = run_to_end(own_study(task=task, module="third_task"), "third.db")
    with pytest.raises(DifferentError, match="measures error"):
        merged([files[0], third], [load_tables(files[0]), load_tables(third)], force=True)


def test_a_study_without_a_search_is_refused(own_study, files):
    grid = run_to_end(own_study(study=edited(OWN_STUDY, '"sobol"', '"grid"')), "grid.db")
    with pytest.raises(DifferentError, match="has no search"):
        merged([files[0], grid], [load_tables(files[0]), load_tables(grid)], force=True)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_only_independent_trials_describe_a_space_whichever_file_comes_first(own_study, order):
    drawn = run_to_end(own_study(study=edited(OWN_STUDY, '"sobol"', '"random"')), "drawn.db")
    spread = run_to_end(own_study(study=edited(ONLY_WIDE, "[methods.wide]", "[methods.spread]")), "spread.db")
    files = [(drawn, spread)[i] for i in order]
    context = merged(files, [load_tables(file) for file in files], force=True)
    rows, notes = without_tuner(compute_findings(context.tables))
    assert [row[0] for row in rows] == ["method", "wide", "narrow"]
    assert "not given for spread, searched by the searcher sobol" in notes[-1]
    searchers = dict(provenance_facts(context))["searcher"]
    assert sorted(searchers.split("; then ")) == ["random", "sobol"]


def test_the_command_on_the_page_makes_it_again(files, tmp_path):
    context = merged(files, [load_tables(file) for file in files], force=False)
    assert context.command == "hpsearch compare both.db other.db"
    forced = replace(context, forced=True, targets=(0.5,))
    assert forced.command == "hpsearch compare both.db other.db --force --target 0.5"
    look = Look(tmp_path / "my style.mplstyle", "column")
    alone = ReportContext(load_tables(files[0]), (files[0].with_name("my run.db"),), look=look)
    assert alone.command == "hpsearch report 'my run.db' --style 'my style.mplstyle' --width column"
