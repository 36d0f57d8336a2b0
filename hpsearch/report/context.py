"""What a report is of, and how it was asked for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from pkgutil import iter_modules

import hpsearch.searchers
from hpsearch.report.style import Look
from hpsearch.store.rows import Comparison
from hpsearch.store.tables import Tables
from hpsearch.study.registry import SEARCHER, Registry


@dataclass(frozen=True)
class ReportContext:
    """One report: of one comparison, or of several on one page.

    Attributes:
        tables: what was measured, in all files together.
        files: the databases, one for each of `tables.parts`.
        warnings: sentences that stand on the page: how the comparisons differ.
        forced: whether they differ so much that they were compared by force.
        targets: objectives, beside the quantiles of all results, until which trials are counted.
        look: how figures are drawn.
    """

    tables: Tables
    files: tuple[Path, ...]
    warnings: tuple[str, ...] = ()
    forced: bool = False
    targets: tuple[float, ...] = ()
    look: Look = Look()

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
        """What makes the report again, as one types it beside the files."""
        words = ["hpsearch", "compare" if len(self.files) > 1 else "report", *(file.name for file in self.files)]
        words += ["--force"] if self.forced else []
        words += [word for target in self.targets for word in ("--target", f"{target:g}")]
        words += ["--style", self.look.style.name] if self.look.style else []
        words += ["--width", self.look.width] if self.look.width != Look.width else []
        return shlex.join(words)


def searches(comparison: Comparison) -> bool:
    """Whether the comparison's searcher looks for the best; otherwise it tries given configurations.

    Nothing is imported that only the database names: a searcher that does not ship with hpsearch is taken to search.
    """
    if comparison.spec.confirm is not None:
        return False
    name, ours = comparison.spec.searcher.name, hpsearch.searchers
    if name not in {module.name for module in iter_modules(ours.__path__)}:
        return True
    return Registry().find(SEARCHER, name, package=ours.__name__).searches
