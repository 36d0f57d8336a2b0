"""What a report is about, and how it was asked for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from pkgutil import iter_modules

import hpsearch.searchers
from hpsearch.report.style import Look
from hpsearch.store.rows import Comparison
from hpsearch.store.tables import Tables
from hpsearch.study.kinds import SEARCHER
from hpsearch.study.registry import Registry
from hpsearch.system.provenance import code_changes


@dataclass(frozen=True)
class ReportContext:
    """One report, of one comparison or of several on one page.

    Attributes:
        tables: what was measured, in all files together.
        files: the databases, one for each of `tables.parts`.
        warnings: sentences for the page: how the comparisons differ, and whether the user's code changed in one.
        forced: whether they differ so much that only --force compares them.
        targets: objectives until which trials are counted, beside the quantiles of all results.
        look: how figures are drawn.
        confirmation: the file that has its incumbents with fresh seeds, and what is in it.
    """

    tables: Tables
    files: tuple[Path, ...]
    warnings: tuple[str, ...] = ()
    forced: bool = False
    targets: tuple[float, ...] = ()
    look: Look = Look()
    confirmation: tuple[Path, Tables] | None = None

    @classmethod
    def of_file(
        cls, file: Path, tables: Tables, targets: tuple[float, ...] = (), look: Look | None = None
    ) -> ReportContext:
        """The report of one comparison."""
        return cls(tables, (file,), tuple(changed_within(tables)), targets=targets, look=look or Look())

    def begun(self) -> ReportContext:
        """The report of those methods that have a finished trial; the others are named on the page."""
        finished = set(self.tables.trials.loc[self.tables.trials["state"] != "proposed", "method"])
        there = {label: space for label, space in self.tables.methods.items() if label in finished}
        if not there or len(there) == len(self.tables.methods):
            return self
        missing = ", ".join(label for label in self.tables.methods if label not in there)
        said = f"no trial of {missing} is finished, so that this is about the other methods alone"
        return replace(self, tables=replace(self.tables, methods=there), warnings=(*self.warnings, said))

    @property
    def name(self) -> str:
        """The report's title."""
        return " + ".join(part.name for part in self.tables.parts)

    @property
    def description(self) -> str:
        """What the study file says about the comparison."""
        first, *others = self.tables.parts
        return "several comparisons on one page" if others else first.spec.description

    @property
    def command(self) -> str:
        """The command that makes the report again, as one types it beside the files."""
        words = ["hpsearch", "compare" if len(self.files) > 1 else "report", *(file.name for file in self.files)]
        words += ["--force"] if self.forced else []
        words += [word for target in self.targets for word in ("--target", f"{target:g}")]
        words += ["--confirmed", self.confirmation[0].name] if self.confirmation else []
        words += ["--style", self.look.style.name] if self.look.style else []
        words += ["--width", self.look.width] if self.look.width != Look.width else []
        return shlex.join(words)


def changed_within(tables: Tables) -> list[str]:
    """A sentence on each run of one comparison that began with other code of the user's than the run before."""
    return code_changes([run.provenance for run in tables.runs])


def searches(comparison: Comparison) -> bool:
    """Whether the comparison looks for the best, rather than tries given configurations.

    Nothing is imported because a database names it: a searcher that does not ship with hpsearch is taken to search.
    """
    if comparison.spec.confirm is not None:
        return False
    if isinstance(recorded := comparison.resolved.get("searches"), bool):  # not before version 0.2
        return recorded
    name, ours = comparison.spec.searcher.name, hpsearch.searchers
    if name not in {module.name for module in iter_modules(ours.__path__)}:
        return True
    return Registry().find(SEARCHER, name, package=ours.__name__).searches
