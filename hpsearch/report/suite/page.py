"""The page of a suite in Markdown, its table as CSV and LaTeX, and the folder that holds them all."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from hpsearch.contracts.progress import Progress, silent
from hpsearch.report.facts import discussion, discussion_section, provenance_facts
from hpsearch.report.folder import PAGE, check_folder, write_sections
from hpsearch.report.markdown import plain, table
from hpsearch.report.search.latex import latex_table
from hpsearch.report.style import KINDS, Look
from hpsearch.report.suite import words
from hpsearch.report.suite.compute import SuiteFindings, compute_suite
from hpsearch.report.suite.figures import axes_of, draw_grid, draw_map, draw_profiles
from hpsearch.report.suite.html import write_suite_html
from hpsearch.report.tex import escaped
from hpsearch.store.suite import Suite
from hpsearch.system import clock

HEAD = ["setting", "verdict", "{a} ends better by", "trials to match", "n", "values", "training"]


def write_suite_report(
    suite: Suite, folder: Path, command: str, *, look: Look | None = None, progress: Progress = silent
) -> list[Path]:
    """Write figures, tables and pages of a suite; returns the files.

    Args:
        suite: its settings with their databases.
        folder: where to write: a new folder, an empty one, or an earlier report's.
        command: the command that makes the report again.
        look: how figures are drawn.
        progress: told about each setting.

    Raises:
        DifferentError: if no setting has results, or no two methods are in all of them.
        FileError: if the folder holds something else than an earlier report.
    """
    check_folder(folder)
    found = compute_suite(suite, progress)
    folder.mkdir(parents=True, exist_ok=True)
    look = look or Look()
    figures: dict[str, Callable[[SuiteFindings, list[Path], Look], None]] = {"map": draw_map, "profiles": draw_profiles}
    if axes_of(found) is not None:
        figures["grid"] = draw_grid
    written: list[Path] = []
    for number, (name, draw) in enumerate(figures.items()):
        progress("figures", number, len(figures))
        paths = [folder / f"{name}.{kind}" for kind in KINDS]
        draw(found, paths, look)
        written += paths
    progress("figures", len(figures), len(figures))
    csv, latex, html, page = (folder / name for name in ("settings.csv", "tables.tex", "index.html", PAGE))
    settings_frame(found).to_csv(csv, index=False)
    latex.write_text(_latex(found), encoding="utf-8")
    write_suite_html(found, html, discussion(folder), _blocks(found, command))
    write_sections(_sections(found, command, folder), page)
    return [*written, csv, latex, html, page]


def settings_frame(found: SuiteFindings) -> pd.DataFrame:
    """One row a setting, numbers as they were computed."""
    rows = []
    for under in found.under:
        a, b = found.pair
        reach = under.reach
        rows.append(
            {
                "setting": under.setting.label,
                **under.setting.at,
                "a": a,
                "b": b,
                "values": under.measured.kind,
                "n": words.n_text(under, found.pair),
                "final_a": under.measured.methods[a].mean.estimate[-1],
                "final_b": under.measured.methods[b].mean.estimate[-1],
                "a_better_by": float(under.difference.estimate),
                "low": float(under.difference.low),
                "high": float(under.difference.high),
                "ahead": under.ahead,
                "told_apart": under.is_sure,
                "trials_to_match": None if reach is None else reach.estimate,
                "trials_low": None if reach is None else reach.low,
                "trials_high": None if reach is None else reach.high,
                "trials": under.found.curves.trials,
                "training_seconds": under.seconds,
            }
        )
    return pd.DataFrame(rows)


def setting_rows(found: SuiteFindings) -> list[list[str]]:
    """The table of settings as text, its head first."""
    a, _ = found.pair
    rows = [[cell.format(a=a) for cell in HEAD]]
    rows += [
        [
            under.setting.label, words.verdict(under), words.difference_text(under), words.reach_text(under),
            words.n_text(under, found.pair), under.measured.kind, clock.duration(under.seconds),
        ]
        for under in found.under
    ]  # fmt: skip
    return rows


def over_rows(found: SuiteFindings) -> list[list[str]]:
    """What holds over all settings, as text, its head first."""
    a, b = found.pair
    rows = [["over all settings", "estimate", "95% for these settings", "95% for such settings"]]
    if found.mean is not None:
        under = found.under[0]
        rows.append(
            [
                f"{a} ends better than {b} by",
                words.amount(under, found.mean.these).split(" (")[0],
                words.amount(under, found.mean.these).split(" (", 1)[1].rstrip(")"),
                "too few settings"
                if found.mean.such is None
                else words.amount(under, found.mean.such).split(" (", 1)[1].rstrip(")"),
            ]
        )
    for place, label in enumerate(found.labels):
        rank = float(found.ranks.these.estimate[place])
        rows.append([f"mean rank of {label}", f"{rank:.3g}", *words.over_text(found.ranks, place)])
    if found.share is not None and found.supporting is not None:
        share = found.share
        rows.append(
            [
                f"share of settings in which {found.supporting[0]} surely ends better",
                f"{float(share.estimate):.0%}",
                "-",
                f"{float(share.low):.0%} to {float(share.high):.0%}",
            ]
        )
    return rows


def ratio_rows(found: SuiteFindings) -> list[list[str]]:
    """Expected running times over the least of each setting, as text."""
    rows = [["setting", *found.labels]]
    for under, ratios in zip(found.under, found.ratios, strict=True):
        rows.append([under.setting.label, *("never" if math.isinf(r) else f"{r:.2f}" for r in ratios)])
    logs = np.log(found.ratios)
    means = [f"{np.exp(column.mean()):.2f}" if np.isfinite(column).all() else "-" for column in logs.T]
    return [*rows, ["geometric mean", *means]]


OVER_NOTE = (
    "For these settings only the studies are a sample; for such settings the settings are one too (a two-level "
    "bootstrap, which errs on the wide side; the share: Clopper and Pearson). What is varied was chosen by "
    "somebody, so that the second is no more than a measure of how much the settings differ."
)
RATIO_NOTE = (
    "Expected running time (all trials over the studies that reached the target; Hansen et al. 2016) to the target "
    "that each setting's own report shows first, divided by the least of the setting. The profile shows the share of "
    "settings in which a method costs at most so many times the least (Dolan and Moré 2002)."
)


def _sections(found: SuiteFindings, command: str, folder: Path) -> list[str]:
    suite = found.suite
    return [
        f"# {plain(suite.name)}\n\n{plain(suite.description)}".rstrip(),
        f"**{plain(words.finding(found))}**",
        *(plain(sentence) for sentence in words.flips(found)),
        "![Who ends better under which setting](map.png)",
        f"(Also as [SVG](map.svg) and [PDF](map.pdf).) Left: by how much {plain(found.pair[0])} ends better than "
        f"{plain(found.pair[1])}, with 95% intervals; grey where the two are not told apart. Right: trials that the "
        "one ahead needs to match what the other ends with. [index.html](index.html) is the same page for a browser.",
        *(["![The difference on both axes](grid.png)"] if axes_of(found) is not None else []),
        _table(setting_rows(found)),
        "\n".join(f"- {plain(sentence)}" for sentence in words.cautions(found)),
        *discussion_section(folder),
        "## Each setting in words\n\n"
        + "\n".join(f"- {plain(under.setting.label)}: {plain(under.sentence)}" for under in found.under),
        f"## Over all settings\n\n{_table(over_rows(found))}\n\n{OVER_NOTE}",
        f"## Cost to a target\n\n{_table(ratio_rows(found))}\n\n{RATIO_NOTE}\n\n![Performance profiles](profiles.png)",
        "## What made this\n\n" + table([["what", "value"], *map(_plain, _provenance(found, command))]),
    ]


def _blocks(found: SuiteFindings, command: str) -> list[tuple[str, list[list[str]], str]]:
    """The tables below the map: title, rows, note."""
    made = [["what", "value"], *(list(fact) for fact in _provenance(found, command))]
    return [
        ("Settings", setting_rows(found), ""),
        ("Over all settings", over_rows(found), OVER_NOTE),
        ("Cost to a target, times the least", ratio_rows(found), RATIO_NOTE),
        ("What made this", made, ""),
    ]


def _table(rows: list[list[str]]) -> str:
    return table([_plain(row) for row in rows])


def _plain(row: list[str] | tuple[str, str]) -> list[str]:
    return [plain(cell) for cell in row]


KEPT = ("commands", "trials per study, studies per method", "searcher", "task", "machine", "versions", "commit")
"""Facts on a setting's own page that a suite's page has too, each once for all settings that share it."""


def _provenance(found: SuiteFindings, command: str) -> list[tuple[str, str]]:
    """What made the suite; what all settings share is said once, the rest by setting."""
    of_setting = {under.setting.label: dict(provenance_facts(under.context)) for under in found.under}
    rows = [("report", command)]
    for name in KEPT:
        values = {label: facts.get(name, "") for label, facts in of_setting.items()}
        if len(set(values.values())) == 1:
            rows.append((name, next(iter(values.values()))))
        elif name == "task":
            rows += _tasks(found)
        else:
            rows += [(f"{name}: {label}", value) for label, value in values.items()]
    rows += [
        (f"fresh seeds: {under.setting.label}", under.context.confirmation[0].name)
        for under in found.under
        if under.context.confirmation is not None
    ]
    hours = sum(under.seconds for under in found.under)
    return [*rows, ("training time of all settings, all workers together", clock.duration(hours))]


def _tasks(found: SuiteFindings) -> list[tuple[str, str]]:
    """The task's settings that all share, and by setting those that differ."""
    parts = {under.setting.label: under.context.tables.comparison for under in found.under}
    named = {label: {"name": part.spec.task.name, **part.resolved["task"]} for label, part in parts.items()}
    first, *others = named.values()
    shared = {key for key, value in first.items() if all(key in of and of[key] == value for of in others)}
    said = [("task", ", ".join(f"{key} = {value}" for key, value in first.items() if key in shared))]
    return said + [
        (f"task: {label}", ", ".join(f"{key} = {value}" for key, value in of.items() if key not in shared))
        for label, of in named.items()
    ]


def _latex(found: SuiteFindings) -> str:
    rows = [[escaped(cell) for cell in row] for row in setting_rows(found)]
    columns = (0, 1, 2, 3, 4)
    head, *body = [[row[column] for column in columns] for row in rows]
    caption = (
        f"{escaped(found.suite.description or found.suite.name)} Differences of means and trials to match with 95\\% "
        "intervals, $n$ studies a method."
    )
    made = "% Made by hpsearch report; needs \\usepackage{booktabs}."
    return "\n\n".join([made, latex_table(caption, "settings", head, body)]) + "\n"
