"""Who searches: the comparison's searcher, and those of methods that name one of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.json import Json
from hpsearch.contracts.searcher import Searcher
from hpsearch.contracts.space import Space
from hpsearch.contracts.task import Task
from hpsearch.study import kinds
from hpsearch.study.registry import Registry
from hpsearch.study.schema import Named, Spec
from hpsearch.study.settings import plain_settings, with_settings
from hpsearch.system.rounding import rounding


@dataclass(frozen=True)
class Searchers:
    """The searcher of each method: `searchers[label]`.

    Attributes:
        default: the comparison's, by which those methods are searched that name none.
        own: label -> searcher of each method that names one.
        names: label -> its name in the study file.
    """

    default: Searcher
    own: Mapping[str, Searcher] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, label: str) -> Searcher:
        return self.own.get(label, self.default)

    @property
    def packages(self) -> list[str]:
        """Packages whose versions decide proposals, beside those that hpsearch requires."""
        return sorted({name for searcher in (self.default, *self.own.values()) for name in searcher.packages})

    def versions(self, labels: Collection[str]) -> Json:
        """What a run of these methods records about the versions of their searchers, and about this process for them.

        The default's is a number, as it is where nothing else searches; the others' are a mapping, name -> version.
        """
        versions: Json = {}
        if self.own.keys() != set(labels):
            versions["searcher_version"] = self.default.version
        if any(self[label].multiplies for label in labels):
            versions["rounding"] = rounding()
        if self.own:
            versions["searcher_versions"] = {self.names[label]: own.version for label, own in self.own.items()}
        return versions

    def own_settings(self, label: str) -> Json:
        """What a database keeps of a method's own searcher: nothing if it has none."""
        if label not in self.own:
            return {}
        return {"searcher": {"name": self.names[label], "settings": plain_settings(self.own[label])}}

    def check(self, task: Task, spaces: Mapping[str, Space]) -> None:
        """Raise SpecError unless each can search its methods' spaces, and all of them search or none does."""
        kept = {label: space for label, space in spaces.items() if label not in self.own}
        used = [("searcher", self.default, kept)] if kept else []
        used += [(_key(label), own, {label: spaces[label]}) for label, own in self.own.items()]
        for key, searcher, _ in used:
            if not task.objective.searchable and searcher.searches:
                raise SpecError(
                    f"{key}: the task measures its {task.objective.name}, by which nothing may be chosen; say "
                    'searcher = "fixed", which tries given configurations, or let the task measure on validation data'
                )
        first = used[0][1].searches
        if other := next((key for key, searcher, _ in used if searcher.searches != first), None):
            does, does_not = (used[0][0], other) if first else (other, used[0][0])
            raise SpecError(
                f"{other}: a comparison searches with all of its methods or with none, but {does} looks for the best "
                f"and {does_not} tries given configurations; write two study files"
            )
        for key, searcher, searched in used:
            try:
                searcher.check(searched)
            except ValueError as error:
                said = str(error)
                raise SpecError(said.replace("searcher.", f"{key}.", 1) if key != "searcher" else said) from error


def searchers_of(spec: Spec, found_in: Registry) -> Searchers:
    """The searchers alone, for a comparison whose task is not on this machine. Raises SpecError."""
    own = {label: method.searcher for label, method in spec.methods.items() if method.searcher is not None}
    return Searchers(
        _found(spec.searcher, found_in, "searcher"),
        {label: _found(named, found_in, _key(label)) for label, named in own.items()},
        {label: named.name for label, named in own.items()},
    )


def _found(named: Named, found_in: Registry, key: str) -> Searcher:
    return with_settings(found_in.find(kinds.SEARCHER, named.name, key), named.settings, key)


def _key(label: str) -> str:
    return f"methods.{label}.searcher"
