"""The plan: a study file with every name in it turned into an object, made once and handed down."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.json import Json
from hpsearch.contracts.method import Method
from hpsearch.contracts.searcher import Searcher
from hpsearch.contracts.space import Choice, Space, space_as_json
from hpsearch.contracts.task import Task
from hpsearch.study import registry
from hpsearch.study.faults import unknown
from hpsearch.study.registry import Registry
from hpsearch.study.schema import MethodSpec, Named, Spec, parse
from hpsearch.study.settings import plain_settings, with_settings
from hpsearch.study.spaces import changed


@dataclass(frozen=True)
class PlanByName:
    """A plan as it travels to a worker: names, which are turned into objects again where it arrives."""

    spec: str
    folders: tuple[str, ...]

    def plan(self) -> Plan:
        """The plan. A process keeps the last one, for its task may hold its data."""
        if self not in _here:
            _keep(self, resolve(Spec.model_validate_json(self.spec), Registry(tuple(map(Path, self.folders)))))
        return _here[self]


_here: dict[PlanByName, Plan] = {}


def _keep(name: PlanByName, plan: Plan) -> None:
    _here.clear()
    _here[name] = plan


@dataclass(frozen=True)
class Plan:
    """A comparison that can be run: its study file, and what the names in it stand for.

    Attributes:
        spec: the study file.
        found_in: where its names were looked for.
        task: with the study file's settings.
        methods: label -> method, its space and schedules changed as the study file says.
        searcher: with the study file's settings.
        pack_size: how many studies of a method travel together: the study file's `pack`, else the task's wish, evened
            out. 20 repeats at a wish of 16 make two packs of 10 rather than 16 and 4.
    """

    spec: Spec
    found_in: Registry
    task: Task
    methods: Mapping[str, Method]
    searcher: Searcher
    pack_size: int

    @property
    def spaces(self) -> dict[str, Space]:
        """Label -> space."""
        return {label: method.space for label, method in self.methods.items()}

    @property
    def hyperparameters(self) -> frozenset[str]:
        """Names of the hyperparameters of all methods."""
        return frozenset(name for method in self.methods.values() for name in method.space.names)

    @cached_property
    def by_name(self) -> PlanByName:
        """What is sent to workers. Where training is in this very process, it finds this plan again."""
        name = PlanByName(self.spec.model_dump_json(), tuple(map(str, self.found_in.folders)))
        _keep(name, self)
        return name

    def settings(self) -> Json:
        """Every setting with its value, as a database keeps them: the study file's, and those left to defaults."""
        settings = {
            "task": plain_settings(self.task),
            "searcher": plain_settings(self.searcher),
            "methods": {
                label: {
                    "space": space_as_json(method.space),
                    "schedules": dict(method.schedules),
                    "settings": {k: v for k, v in plain_settings(method).items() if k not in ("space", "schedules")},
                }
                for label, method in self.methods.items()
            },
        }
        plain: Json = json.loads(json.dumps(settings))  # as a database gives it back: lists, no tuples
        return plain


def read_plan(path: Path) -> Plan:
    """Read a study file and check all of it: keys, types, ranges, and that every name in it can be found.

    Raises SpecError with one line for each fault.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark of it
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: is no text in UTF-8; save it as such") from error
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from error
    return resolve(parse(text, str(path)), Registry.here(path.resolve().parent), str(path))


def resolve(spec: Spec, found_in: Registry, source: str = "") -> Plan:
    """Turn every name of a study file into an object.

    Args:
        spec: the study file.
        found_in: where names are looked for.
        source: what messages call the study file.

    Raises:
        SpecError: with one line for each fault.
    """
    try:
        task, searcher = _task(spec.task, found_in), searcher_of(spec, found_in)
        if not task.objective.searchable and searcher.searches:
            raise SpecError(
                f"searcher: the task measures its {task.objective.name}, by which nothing may be chosen; "
                'say searcher = "fixed", which tries given configurations, or have it measure on validation data'
            )
        methods = {label: _method(task, label, method, found_in) for label, method in spec.methods.items()}
        if spec.confirm is not None and (strange := set(spec.confirm.recorded).difference(methods)):
            raise SpecError(unknown(f"confirm.recorded.{min(strange)}", min(strange), methods))
        try:
            searcher.check({label: method.space for label, method in methods.items()})
        except ValueError as error:
            raise SpecError(str(error)) from error
    except SpecError as error:
        where = f"{source}: " if source else ""
        raise SpecError("\n".join(f"{where}{line}" for line in str(error).splitlines())) from error
    except (ValueError, OverflowError, RecursionError) as error:  # numbers of thousands of digits, endless nesting
        raise SpecError(f"{source or spec.name}: cannot be read: {str(error).splitlines()[0]}") from error
    wish = min(spec.pack or task.pack, spec.repeats)
    packs = -(-spec.repeats // wish)
    return Plan(spec, found_in, task, methods, searcher, -(-spec.repeats // packs))


def _task(named: Named, found_in: Registry) -> Task:
    made = with_settings(found_in.find(registry.TASK, named.name), named.settings, "task")
    if fault := registry.fault_of_task(made):  # with these settings
        raise SpecError(f"task: {named.name} {fault}")
    return made


def searcher_of(spec: Spec, found_in: Registry) -> Searcher:
    """The searcher alone, for who looks at a comparison whose task is not here. Raises SpecError."""
    return with_settings(found_in.find(registry.SEARCHER, spec.searcher.name), spec.searcher.settings, "searcher")


def _method(task: Task, label: str, spec: MethodSpec, found_in: Registry) -> Method:
    """The method called `label`, its space and schedules changed as the study file says."""
    key = f"methods.{label}"
    if task.methods is None:
        if spec.method is not None or spec.schedules or spec.settings:
            wrong = "method" if spec.method is not None else "schedules" if spec.schedules else "settings"
            raise SpecError(f"{key}.{wrong}: this task has no methods to choose from; give only a space")
        if not spec.space:
            raise SpecError(f"{key}.space: this task has no methods, so a space is needed here")
        return Method(changed(Space(()), spec.space, key, open_space=True))
    method = found_in.find(registry.METHOD, spec.method or label, f"{key}.method", package=task.methods)
    if unknown_names := [name for name in spec.schedules if name not in method.space.names]:
        raise SpecError(unknown(f"{key}.schedules.{unknown_names[0]}", unknown_names[0], method.space.names))
    still = {parameter.name for parameter in method.space if isinstance(parameter, Choice)}
    if switches := [name for name in spec.schedules if name in still]:
        raise SpecError(f"{key}.schedules.{switches[0]}: a choice has no schedule, only a number has")
    if reserved := [name for name in spec.settings if name in ("space", "schedules")]:
        raise SpecError(f"{key}.settings.{reserved[0]}: this has a table of its own, {key}.{reserved[0]}")
    method = with_settings(method, dict(spec.settings), f"{key}.settings")
    schedules = {**method.schedules, **spec.schedules}
    space = changed(method.space, spec.space, key, open_space=False)
    try:
        return dataclasses.replace(method, space=space, schedules=schedules)
    except ValueError as error:
        raise SpecError(f"{key}: {error}") from error
