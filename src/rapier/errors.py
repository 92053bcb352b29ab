"""What can go wrong, as one tree. The lowest layer: everybody may import it, it imports nobody.

RapierError
├── ConfigurationError          a file or an option that Rapier cannot start or go on with
│   ├── UsersFileError          the users file
│   ├── CertificateError        the certificate or its key
│   └── NotTheMaster            this node has no API to be served
├── AccessDenied                no user of ours, or not with that password
│   └── AccessBusy              too many passwords are being compared: this one was not looked at
├── MasterError                 the master daemon was not reached, or not understood
│   ├── MasterAbsent            no socket, nobody behind it, or no permission to open it
│   ├── MasterSilent            no answer before the deadline
│   ├── MasterGarbled           an answer that is no LUXI message
│   └── MasterLost              the connection ended before the answer; the request may have been carried out
├── SubmissionLost              the master's answer to a submission was lost, and no job was found by its mark
│   ├── NotSubmitted            there is no job, nor will be
│   └── SubmissionUnknown       that cannot be told
├── StillRunning                a job that answers a read has not ended in time
├── GuardRefusal                a guarded write was not carried out
│   ├── Stale                   the object is not as the writer believes
│   ├── Busy                    jobs that touch the object are under way
│   ├── NothingToDo             the object is as the write would have it
│   └── GuardHeld               the lock of guarded writes was not to be had in time
└── GanetiError                 the master daemon answered with an error of its own
    ├── OpPrereqError           the request cannot be carried out as it stands; args: (text, error code)
    ├── OpExecError             carrying it out failed
    ├── JobQueueError
    │   ├── JobQueueFull        too many jobs: archive some
    │   ├── JobQueueDrainError  the queue takes no jobs at present
    │   └── JobLost             the job vanished, or never was
    └── RequestRefused          a bare text instead of a class: luxid could not read the request
"""

from __future__ import annotations

from typing import Any


class RapierError(Exception):
    """The root: whatever Rapier itself raises on purpose."""


class ConfigurationError(RapierError):
    """A file or an option that Rapier cannot start or go on with. The text says which, and what would be right."""


class UsersFileError(ConfigurationError):
    """The users file cannot be read or holds what it must not."""


class CertificateError(ConfigurationError):
    """The certificate or its key cannot be loaded."""


class NotTheMaster(ConfigurationError):
    """This node is not its cluster's master: there is no API to be served here."""


class AccessDenied(RapierError):
    """Who asks is no user of ours, or gave a wrong password, or none that can be read."""


class AccessBusy(AccessDenied):
    """Too many passwords are being compared at present: this one was not looked at. Later it may be good."""


class MasterError(RapierError):
    """The master daemon was not reached, or not understood."""


class MasterAbsent(MasterError):
    """No socket, nobody behind it, or no permission to open it. Nothing was sent."""


class MasterSilent(MasterError):
    """No answer before the deadline. The request may have been carried out, unless it was not even `sent`."""

    def __init__(self, text: str, *, sent: bool = True) -> None:
        super().__init__(text)
        self.sent = sent


class MasterGarbled(MasterError):
    """What came back is no LUXI message."""


class MasterLost(MasterError):
    """The connection ended before the answer. The request may have been carried out."""


class SubmissionLost(RapierError):
    """The master's answer to a submission was lost, and no job was found by `mark`, which its reason trail has."""

    def __init__(self, text: str, mark: str) -> None:
        super().__init__(text)
        self.mark = mark


class NotSubmitted(SubmissionLost):
    """There is no such job, nor will there be."""


class SubmissionUnknown(SubmissionLost):
    """Whether there is such a job, or will be, cannot be told."""


class StillRunning(RapierError):
    """The job `job_id`, which answers a read, has not ended in time; `None` when it is not in the queue yet."""

    def __init__(self, job_id: int | None) -> None:
        super().__init__("the job that answers this has not ended")
        self.job_id = job_id


class GuardRefusal(RapierError):
    """A guarded write was not carried out: no job of it changed anything."""


class Stale(GuardRefusal):
    """The object is not as the writer believes. `current` is what it is."""

    def __init__(self, current: Any) -> None:
        super().__init__("the object has changed")
        self.current = current


class Busy(GuardRefusal):
    """The jobs `job_ids`, which touch the object, are under way."""

    def __init__(self, job_ids: list[int]) -> None:
        super().__init__(f"jobs that touch the object are under way: {', '.join(map(str, job_ids))}")
        self.job_ids = job_ids


class GuardHeld(GuardRefusal):
    """Others held the lock of guarded writes for longer than this one would wait."""


class NothingToDo(GuardRefusal):
    """The object, `current`, is as the write would have it."""

    def __init__(self, current: Any) -> None:
        super().__init__("there is nothing to do")
        self.current = current


class GanetiError(RapierError):
    """The master daemon answered with an error of its own.

    `ganeti_class` is the name of Ganeti's exception class, `ganeti_args` its arguments as they came over LUXI.
    """

    def __init__(self, ganeti_class: str, ganeti_args: list[Any]) -> None:
        super().__init__(ganeti_class, ganeti_args)
        self.ganeti_class = ganeti_class
        self.ganeti_args = ganeti_args

    @property
    def text(self) -> str:
        """The first argument as text; the class's name where there is none."""
        return str(self.ganeti_args[0]) if self.ganeti_args else self.ganeti_class

    @property
    def code(self) -> str | None:
        """Ganeti's error code (`unknown_entity`, `wrong_input`, ...) where the error carries one."""
        return self.ganeti_args[1] if len(self.ganeti_args) == 2 and isinstance(self.ganeti_args[1], str) else None

    def __str__(self) -> str:
        return self.text


class OpPrereqError(GanetiError):
    """The request cannot be carried out as it stands."""


class OpExecError(GanetiError):
    """Carrying the request out failed."""


class JobQueueError(GanetiError):
    """The job queue refused."""


class JobQueueFull(JobQueueError):
    """Too many jobs in the queue: archive some."""


class JobQueueDrainError(JobQueueError):
    """The queue takes no jobs at present."""


class JobLost(JobQueueError):
    """The job vanished, or never was."""


class RequestRefused(GanetiError):
    """A bare text instead of a class: luxid could not read the request, and closed the connection."""


_BY_GANETI_CLASS: dict[str, type[GanetiError]] = {
    kind.__name__: kind
    for kind in (OpPrereqError, OpExecError, JobQueueError, JobQueueFull, JobQueueDrainError, JobLost)
}


def ganeti_error(result: Any) -> GanetiError:
    """The exception for the `result` of an unsuccessful LUXI answer: `[class, [args]]`, or a bare text."""
    match result:
        case [str(name), list(args)]:
            return _BY_GANETI_CLASS.get(name, GanetiError)(name, args)
        case [str(name), args]:
            return _BY_GANETI_CLASS.get(name, GanetiError)(name, [args])
    return RequestRefused("GenericError", [str(result)])
