"""The plan: a study file with every name in it turned into an object, made once and handed down."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from unicodedata import normalize

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.json import Json
from hpsearch.contracts.method import Method
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.seeds import SEED_BITS, TRIAL_SEED_BITS, derived_seed
from hpsearch.contracts.space import Choice, Space, space_as_json
from hpsearch.contracts.task import Task
from hpsearch.study import kinds
from hpsearch.study.carried import packed, unpacked
from hpsearch.study.code import own_code
from hpsearch.study.faults import unknown
from hpsearch.study.registry import Registry
from hpsearch.study.schema import MethodSpec, SpaceChange, Spec, parse
from hpsearch.study.searching import Searchers, searchers_of
from hpsearch.study.settings import plain_settings, with_settings
from hpsearch.study.spaces import changed, held

LARGEST_FILE = 1_000_000
"""How many bytes a study file may have; a hundred methods take some ten thousand."""
MOST_STUDIES = 1_000_000


@dataclass(frozen=True)
class PlanByName:
    """A plan as it travels to a worker: names, which are turned into objects again where it arrives.

    `carried` has the objects that no module holds.
    """

    spec: str
    folders: tuple[str, ...]
    carried: bytes = b""

    def plan(self) -> Plan:
        """The plan with its objects. A process keeps the last one, because its task may hold its data."""
        if self not in _here:
            folders = tuple(map(Path, self.folders))
            found_in = Registry(folders, given=unpacked(self.carried, self.folders))
            _keep(self, resolve(Spec.model_validate_json(self.spec), found_in))
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
        task: the task, with the study file's settings.
        methods: label -> method, its space and schedules changed as the study file says.
        searchers: the searcher of each method, with the study file's settings.
        pack_size: how many studies of a method travel together: the study file's `pack`, or else the task's wish
            made even. At a wish of 16, 20 repeats make two packs of 10 rather than 16 and 4.
        seed_bits: length of the trials' seeds, if the comparison begins with this plan.
    """

    spec: Spec
    found_in: Registry
    task: Task
    methods: Mapping[str, Method]
    searchers: Searchers
    pack_size: int
    seed_bits: int = TRIAL_SEED_BITS

    @property
    def spaces(self) -> dict[str, Space]:
        """Space of each method, by its label."""
        return {label: method.space for label, method in self.methods.items()}

    @property
    def hyperparameters(self) -> frozenset[str]:
        """Names of the hyperparameters of all methods."""
        return frozenset(name for method in self.methods.values() for name in method.space.names)

    def split_of(self, label: str, repeat: int) -> Json:
        """The settings of the task by which a study of a method splits the data; empty where all do so in one way."""
        if self.spec.confirm is not None:
            return dict(self.spec.confirm.splits.get(label, {}))
        if self.spec.repeats_over is None:
            return {}
        seed = derived_seed(self.spec.seed, "repeats over", self.spec.repeats_over, repeat)
        return dict(self.task.split_of(repeat, seed >> (SEED_BITS - TRIAL_SEED_BITS)))

    def task_of(self, label: str, repeat: int) -> Task:
        """The task that trains a study of a method: with its split of the data, and the same one for the same split."""
        return self._with_split(self.split_of(label, repeat))

    def _with_split(self, split: Json) -> Task:
        if not split:
            return self.task
        return self._tasks.setdefault(json.dumps(split, sort_keys=True), with_settings(self.task, split, "task"))

    @cached_property
    def _tasks(self) -> dict[str, Task]:
        """The task with each split that was asked for, which may hold data."""
        return {}

    @property
    def splits(self) -> dict[str, Json]:
        """Which study splits the data how: its number, or what it confirms, -> settings; empty for one split of all."""
        if self.spec.confirm is not None:
            return {label: dict(split) for label, split in self.spec.confirm.splits.items()}
        if self.spec.repeats_over is None:
            return {}
        first = next(iter(self.methods))
        return {str(repeat): self.split_of(first, repeat) for repeat in range(1, self.spec.repeats + 1)}

    def prepare(self, progress: Progress) -> Json:
        """Let the task prepare its data in every split; returns what it says about them.

        What it does not say alike of all splits is a table of each split's own.
        """
        splits = {split_text(split): split for split in self.splits.values()}
        if not splits:
            return dict(self.task.prepare(progress))
        said = {text: dict(self._with_split(split).prepare(progress)) for text, split in splits.items()}
        found: Json = {}
        for name in dict.fromkeys(name for facts in said.values() for name in facts):
            own = {text: facts[name] for text, facts in said.items() if name in facts}
            values = list(own.values())
            found[name] = values[0] if len(own) == len(said) and values.count(values[0]) == len(values) else own
        return found

    def files(self) -> list[Path]:
        """The files that training reads, in any split."""
        tasks = [self._with_split(split) for split in self.splits.values()] or [self.task]
        return list(dict.fromkeys(file for task in tasks for file in task.files()))

    @cached_property
    def by_name(self) -> PlanByName:
        """The plan as it is sent to workers. A worker in this same process finds this plan again.

        Raises SpecError if it has an object that cannot be sent.
        """
        folders = tuple(map(str, self.found_in.folders))
        name = PlanByName(self.spec.model_dump_json(), folders, packed(self.found_in.given))
        _keep(name, self)
        return name

    @cached_property
    def code(self) -> Json:
        """What the user's own modules do, as a run records it; looked at once."""
        return own_code(self.spec, self.found_in, self.task.methods)

    def settings(self) -> Json:
        """Every setting with its value as a database keeps it, whether the study file gives it or it is a default."""
        splits = self.splits
        of_split = {name for split in splits.values() for name in split}
        settings = {
            "objective": {"bounds": [end if math.isfinite(end) else None for end in self.task.objective.ends]},
            "task": {name: value for name, value in plain_settings(self.task).items() if name not in of_split},
            "searcher": plain_settings(self.searchers.default),
            **({"splits": splits} if splits else {}),
            "searches": self.searchers[next(iter(self.methods))].searches,
            "methods": {
                label: {
                    "space": space_as_json(method.space),
                    "schedules": dict(method.schedules),
                    "settings": {k: v for k, v in plain_settings(method).items() if k not in ("space", "schedules")},
                    **self.searchers.own_settings(label),
                }
                for label, method in self.methods.items()
            },
        }
        plain: Json = json.loads(json.dumps(settings))  # as a database returns it: lists, no tuples
        return plain


def split_text(split: Mapping[str, object]) -> str:
    """How the data is split, for people to read: "fold = 3"."""
    return ", ".join(f"{name} = {value}" for name, value in split.items())


def read_text(path: Path) -> str:
    """The text of a study file or a suite file. Raises SpecError if it cannot be read."""
    try:
        if (size := path.stat().st_size) > LARGEST_FILE:
            raise SpecError(f"{path}: has {size:,} bytes, and a study file may have {LARGEST_FILE:,} at most")
        return path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark of it
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: is no text in UTF-8; save it as such") from error
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from error


def read_plan(path: Path, doing: Callable[[str], None] = lambda _: None) -> Plan:
    """Read a study file and check all of it: keys, types, ranges, and that every name in it can be found.

    `doing` is told what is imported, which may take seconds. Raises SpecError with one line for each fault.
    """
    spec = parse(read_text(path), str(path))
    doing(f"importing {spec.task.name} and {len(spec.methods)} method{'s' * (len(spec.methods) != 1)}")
    return resolve(spec, Registry.here(path.resolve().parent), str(path))


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
        task, searchers = task_of(spec, found_in), searchers_of(spec, found_in)
        _check_splits(task, spec)
        if len(spec.methods) * spec.repeats > MOST_STUDIES:
            raise SpecError(
                f"repeats: {len(spec.methods):,} methods with {spec.repeats:,} studies each are more than the "
                f"{MOST_STUDIES:,} studies that a comparison may have"
            )
        methods = _methods(task, spec, found_in)
        _refuse_lookalikes("methods", methods)
        _refuse_shared_seeds(spec)
        _refuse_lookalikes("hyperparameters", [name for method in methods.values() for name in method.space.names])
        if spec.confirm is not None:
            for name, named in (("recorded", spec.confirm.recorded), ("splits", spec.confirm.splits)):
                if strange := set(named).difference(methods):
                    raise SpecError(unknown(f"confirm.{name}.{min(strange)}", min(strange), methods))
        searchers.check(task, {label: method.space for label, method in methods.items()})
    except SpecError as error:
        where = f"{source}: " if source else ""
        raise SpecError("\n".join(f"{where}{line}" for line in str(error).splitlines())) from error
    except (ValueError, OverflowError, RecursionError) as error:  # numbers of thousands of digits, endless nesting
        raise SpecError(f"{source or spec.name}: cannot be read: {str(error).splitlines()[0]}") from error
    wish = min(spec.pack or task.pack, spec.repeats)
    packs = -(-spec.repeats // wish)
    return Plan(spec, found_in, task, methods, searchers, -(-spec.repeats // packs))


def task_of(spec: Spec, found_in: Registry) -> Task:
    """The task alone, with the study file's settings. Raises SpecError."""
    made = with_settings(found_in.find(kinds.TASK, spec.task.name), spec.task.settings, "task")
    if fault := kinds.fault_of_task(made):  # with these settings
        raise SpecError(f"task: {spec.task.name} {fault}")
    return made


def _check_splits(task: Task, spec: Spec) -> None:
    """Raise SpecError if studies cannot have splits of the data of their own."""
    splits: list[Json] = [] if spec.confirm is None else list(spec.confirm.splits.values())
    if spec.repeats_over is not None:
        splits = [dict(task.split_of(1, 0))]
        if not splits[0]:
            raise SpecError(
                f"repeats_over: {spec.task.name} has one split of its data with these settings, so that no repeat can "
                "have its own: leave repeats_over out"
            )
    for split in splits:
        if twice := set(split) & set(spec.task.settings):
            raise SpecError(
                f"task.{min(twice)}: each repeat has its own split of the data, and this would give all of them the "
                "same: leave it out"
            )
        with_settings(task, split, "task")


def _refuse_lookalikes(what: str, names: Iterable[str]) -> None:
    """Raise SpecError if two names are the same text in different code points."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(normalize("NFC", name), name)
        if other != name:
            raise SpecError(f"{what}: {other!a} and {name!a} are the same text; write both in the same way")


def _refuse_shared_seeds(spec: Spec) -> None:
    """Raise SpecError if the seeds of two methods derive from one label: their studies would not be independent."""
    seen: dict[str, str] = {}
    for label, method in spec.methods.items():
        other = seen.setdefault(spec.seed_label(label), label)
        if other != label:
            key = label if method.formerly else other
            raise SpecError(
                f"methods.{key}.formerly: {label} and {other} would have the same seeds, those of "
                f"{spec.seed_label(label)!r}; leave it out"
            )


def _methods(task: Task, spec: Spec, found_in: Registry) -> dict[str, Method]:
    """Label -> method; a method with several labels is looked for once."""
    if strange := [name for name in spec.space if name not in task.hyperparameters.names]:
        raise SpecError(unknown(f"space.{strange[0]}", strange[0], task.hyperparameters.names))
    found: dict[str, Method] = {}
    methods = {}
    for label, wanted in spec.methods.items():
        if task.methods is None:
            methods[label] = _only_a_space(label, wanted, spec.methods, task.hyperparameters, spec.space)
            continue
        name, key = spec.method_name(label), f"methods.{label}"
        if name not in found:
            package = task.methods if isinstance(task.methods, str) else None
            found[name] = found_in.find(kinds.METHOD, name, f"{key}.method", package=package)
        if isinstance(task.methods, type) and not isinstance(found[name], task.methods):
            raise SpecError(
                f"{key}.method: {name} is no {task.methods.__name__}, and this task takes no other methods; name one, "
                'such as method = "module:NAME"'
            )
        with_common = wanted.model_copy(update={"space": {**spec.space, **wanted.space}})
        methods[label] = _changed(
            found[name], label, with_common, task.hyperparameters, confirming=spec.confirm is not None
        )
    return methods


def _only_a_space(
    label: str,
    spec: MethodSpec,
    others: Mapping[str, MethodSpec],
    common: Space,
    changes: Mapping[str, SpaceChange],
) -> Method:
    """The method of this label of a task that has no methods of its own, or another label's with its own changes.

    Of the task's own hyperparameters, `common`, those that the file's `changes` name join its space.
    """
    key = f"methods.{label}"
    if spec.schedules or spec.settings:
        wrong = "schedules" if spec.schedules else "settings"
        raise SpecError(f"{key}.{wrong}: this task has no methods to choose from; give only a space")
    if spec.method is not None:
        other = _labelled(spec.method, others)
        if other is None or others[other].method is not None:
            raise SpecError(
                f"{key}.method: this task has no methods to choose from; give only a space, or the label of another "
                "method of this file that has one"
            )
        same = _only_a_space(other, others[other], others, common, changes)
        return Method(changed(same.space, spec.space, key, open_space=False))
    if not spec.space:
        raise SpecError(f"{key}.space: this task has no methods, so a space is needed here")
    shared = Space(tuple(p for p in common if p.name in changes))
    return Method(changed(shared, {**changes, **spec.space}, key, open_space=True))


def _labelled(label: str, methods: Mapping[str, MethodSpec]) -> str | None:
    """The label of the method that has this one, or had it formerly."""
    if label in methods:
        return label
    return next((now for now, method in methods.items() if method.formerly == label), None)


def _changed(method: Method, label: str, spec: MethodSpec, common: Space, *, confirming: bool) -> Method:
    """`method` under this label, its space, schedules and settings changed as the study file says.

    Of the task's own hyperparameters, `common`, those that the file names join its space. `confirming` a choice, its
    space is the configuration that was chosen.
    """
    key = f"methods.{label}"
    if reserved := [name for name in spec.settings if name in ("space", "schedules")]:
        raise SpecError(f"{key}.settings.{reserved[0]}: it has a table of its own, {key}.{reserved[0]}")
    method = with_settings(method, dict(spec.settings), f"{key}.settings")
    if unknown_names := [name for name in spec.schedules if name not in method.space.names]:
        raise SpecError(unknown(f"{key}.schedules.{unknown_names[0]}", unknown_names[0], method.space.names))
    still = {parameter.name for parameter in method.space if isinstance(parameter, Choice)}
    if switches := [name for name in spec.schedules if name in still]:
        raise SpecError(f"{key}.schedules.{switches[0]}: a choice has no schedule, only a number has")
    schedules = {**method.schedules, **spec.schedules}
    own = Space((*method.space, *(p for p in common if p.name in spec.space and p.name not in method.space.names)))
    space = changed(own, spec.space, key, open_space=False)
    if confirming:
        space = held(own, space, spec.space)
    if space.conditional and not method.conditions:
        raise SpecError(f"{key}.space: a method of this kind takes no conditional hyperparameter, so no `when`")
    schedules = {name: schedule for name, schedule in schedules.items() if name in space.names}
    try:
        return dataclasses.replace(method, space=space, schedules=schedules)
    except ValueError as error:
        raise SpecError(f"{key}: {error}") from error
