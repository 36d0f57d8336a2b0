"""Every error that a user can meet: one sentence that says what is wrong, where, and what to do."""

from __future__ import annotations

from typing import ClassVar


class HpsearchError(Exception):
    """The root of all errors that are no fault of hpsearch's own; the command ends with `exit_code`."""

    exit_code: ClassVar[int] = 1


class UsageError(HpsearchError):
    """A command or a call that asks for the impossible: a missing style, a taken port, a trial that is not there."""

    exit_code = 2


class SpecError(UsageError):
    """A wrong study file. The text has one line per fault: file, key, what was expected, nearest valid key."""


class ReplayError(UsageError):
    """A trial that cannot be trained again."""


class ExportError(UsageError):
    """An export that cannot be written."""


class FileError(HpsearchError):
    """A file or a folder that cannot be read or written."""

    exit_code = 3


class DatabaseError(FileError):
    """A database file that is damaged, locked, newer than this version, or holds another comparison."""


class DifferentError(FileError):
    """Comparisons that did not measure the same thing in the same way."""


class TaskError(HpsearchError):
    """A task that cannot run, or whose data is missing or wrong."""

    exit_code = 4


class OtherDataError(TaskError):
    """Other data lies here than a comparison was run on."""


class DeviceError(HpsearchError):
    """A device that a run asks for and cannot have, or that has stopped working."""

    exit_code = 4


class FetchError(HpsearchError):
    """A data set that could not be fetched."""

    exit_code = 4


class NoSpaceError(FileError):
    """A disk that is full, or will be."""
