"""What version 3 says when it says no: problem details by RFC 9457, each type a row of one table.

The rows of Ganeti's error codes and of the master daemon's failures name such types. `/3/problems/{slug}` explains one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus as Status
from typing import Any

from rapier.errors import (
    GanetiError,
    JobLost,
    JobQueueDrainError,
    JobQueueFull,
    MasterAbsent,
    MasterError,
    MasterGarbled,
    MasterLost,
    MasterSilent,
    NotSubmitted,
    OpExecError,
    OpPrereqError,
    SubmissionLost,
    SubmissionUnknown,
)

RETRY_AFTER_SECONDS = 2
LONGEST_TEXT = 2000


@dataclass(frozen=True)
class ProblemType:
    """One type of problem. `explanation` is what its page says: when it occurs, and what to do."""

    slug: str
    status: Status
    title: str
    explanation: str
    retry_after_seconds: int | None = None


_TYPES = (
    ProblemType(
        "malformed",
        Status.BAD_REQUEST,
        "The request cannot be read",
        "The body is not of the format that its media type names, is nested more than 64 deep, holds more than 100,000 "
        "values, or brings a document type declaration; or the path or the query string holds an escape that is none.",
    ),
    ProblemType(
        "etag-without-if-match",
        Status.BAD_REQUEST,
        "An ETag header guards nothing",
        "A request carried an ETag header and no If-Match. An entity tag in a request counts only as the value of "
        "If-Match (change only what I have read) or If-None-Match: send it there.",
    ),
    ProblemType(
        "unauthorized",
        Status.UNAUTHORIZED,
        "Who asks is not known",
        "No user and password came with the request, or not good ones. Send HTTP Basic credentials.",
    ),
    ProblemType(
        "forbidden",
        Status.FORBIDDEN,
        "The user may not do this",
        "The users file of stock ganeti-rapi gives rights to each user: `read` is needed to read here, `write` for "
        "everything. Who is in a file of htpasswd's may do everything.",
    ),
    ProblemType(
        "foreign-origin",
        Status.FORBIDDEN,
        "A page of another site sent this",
        "A browser sends a signed-in user's credentials along with what pages of other sites make it send. A write "
        "whose Origin is neither this server nor one that its configuration allows is refused.",
    ),
    ProblemType(
        "not-found",
        Status.NOT_FOUND,
        "There is no such resource",
        "No cluster, object, job or resource answers to this URI. Names are whole and exact.",
    ),
    ProblemType(
        "method-not-allowed",
        Status.METHOD_NOT_ALLOWED,
        "The resource does not have this method",
        "The Allow header names the methods that the resource has.",
    ),
    ProblemType(
        "not-acceptable",
        Status.NOT_ACCEPTABLE,
        "There is no such representation",
        "None of the media types of the Accept header, or not the format of the query string, can be made of this "
        "resource. The member `available` lists what there is.",
    ),
    ProblemType(
        "already-exists",
        Status.CONFLICT,
        "There is one already",
        "The name, or something else that must be unique, is in use.",
    ),
    ProblemType(
        "object-busy",
        Status.CONFLICT,
        "A job is at work on the object",
        "A guarded write found an unfinished job that touches the object, or lost to one that came in the same moment. "
        "The member `jobs` links to it. Wait for its end, read the object again, and decide anew.",
        RETRY_AFTER_SECONDS,
    ),
    ProblemType(
        "wrong-state",
        Status.CONFLICT,
        "Its state does not allow that",
        "What was asked cannot be done with the object as it is: an instance that runs cannot be renamed, a node that "
        "is offline cannot be evacuated.",
    ),
    ProblemType(
        "no-capacity",
        Status.CONFLICT,
        "There is no place for it",
        "No node has the memory, disk space or other resources that this needs.",
    ),
    ProblemType(
        "not-cancellable",
        Status.CONFLICT,
        "The job cannot be cancelled",
        "The job has ended, or is carrying out its last opcode.",
    ),
    ProblemType(
        "job-canceled",
        Status.CONFLICT,
        "The job was cancelled",
        "The job that the request made was cancelled before it ended. The member `job` links to it.",
    ),
    ProblemType(
        "precondition-failed",
        Status.PRECONDITION_FAILED,
        "The object is not what it was",
        "The entity tag of If-Match is not that of the object as it is now: somebody changed it, or it was never so. "
        "The ETag header has the current one. Read the object, decide anew, and send the new tag.",
    ),
    ProblemType(
        "too-slow",
        Status.REQUEST_TIMEOUT,
        "The request did not arrive in time",
        "The rest of the request's head or body did not come within the time that the server waits for it.",
    ),
    ProblemType(
        "uri-too-long",
        Status.REQUEST_URI_TOO_LONG,
        "The URI is too long",
        "The path and query string have more bytes than the server takes.",
    ),
    ProblemType(
        "head-too-large",
        Status.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The head is too large",
        "The headers have more bytes, or are more, than the server takes.",
    ),
    ProblemType(
        "content-too-large",
        Status.REQUEST_ENTITY_TOO_LARGE,
        "The body is too large",
        "The body has more bytes than the server takes.",
    ),
    ProblemType(
        "unsupported-media-type",
        Status.UNSUPPORTED_MEDIA_TYPE,
        "Bodies of this media type cannot be read",
        "The Content-Type header names no format that this server reads. The member `available` lists those it does.",
    ),
    ProblemType(
        "unprocessable",
        Status.UNPROCESSABLE_ENTITY,
        "What was asked makes no sense",
        "A member, a parameter or a query argument is unknown, missing, or not of its type or range. `pointer` (a JSON "
        "pointer into the body), `parameter` and `detail` say which, and where there is one, what was nearly meant.",
    ),
    ProblemType(
        "precondition-required",
        Status.PRECONDITION_REQUIRED,
        "This cluster wants every change guarded",
        "The configuration demands a precondition on each change: send If-Match with the entity tag of what you read, "
        "or If-None-Match: * with a PUT that creates.",
    ),
    ProblemType(
        "job-failed",
        Status.INTERNAL_SERVER_ERROR,
        "The job failed",
        "The job that the request made, or one that it submitted in turn, ended with an error. `job` links to it, and "
        "`failed` says which of the family failed and why.",
    ),
    ProblemType(
        "internal-error",
        Status.INTERNAL_SERVER_ERROR,
        "Something went wrong in this server",
        "A fault of Rapier's own. The log has it under the request's id.",
    ),
    ProblemType(
        "environment",
        Status.BAD_GATEWAY,
        "The cluster's surroundings failed",
        "Something that the master daemon depends on, such as name resolution or a node's system, did not work.",
    ),
    ProblemType(
        "master-garbled",
        Status.BAD_GATEWAY,
        "The master daemon was not understood",
        "The master daemon answered with something that is no answer, or refused a request that it could not read.",
    ),
    ProblemType(
        "master-absent",
        Status.SERVICE_UNAVAILABLE,
        "The master daemon is not there",
        "Nobody serves the master daemon's socket. Nothing was carried out.",
        RETRY_AFTER_SECONDS,
    ),
    ProblemType(
        "queue-full",
        Status.SERVICE_UNAVAILABLE,
        "The job queue is full",
        "The job queue takes no more jobs until some are archived.",
        60,
    ),
    ProblemType(
        "queue-drained",
        Status.SERVICE_UNAVAILABLE,
        "The job queue takes no jobs at present",
        "Somebody drained the queue, most likely for maintenance.",
        60,
    ),
    ProblemType(
        "no-capacity-now",
        Status.SERVICE_UNAVAILABLE,
        "There is no place for it at the moment",
        "Resources that this needs are held by something that will end. Try again later.",
        RETRY_AFTER_SECONDS,
    ),
    ProblemType(
        "not-submitted",
        Status.SERVICE_UNAVAILABLE,
        "The job was not submitted",
        "The master daemon went away in the middle of the submission, and its queue does not have the job: nothing was "
        "changed, and the request may be sent again.",
        RETRY_AFTER_SECONDS,
    ),
    ProblemType(
        "too-many-requests",
        Status.TOO_MANY_REQUESTS,
        "Too many requests of this address are in work",
        "Behind a trusted proxy, an address may have as many requests in work as it may have connections without one.",
        1,
    ),
    ProblemType(
        "too-busy",
        Status.SERVICE_UNAVAILABLE,
        "The server is too busy to look at this",
        "Too many passwords are being compared, or too much else is going on. Try again.",
        1,
    ),
    ProblemType(
        "still-running",
        Status.SERVICE_UNAVAILABLE,
        "The job that finds this out has not ended yet",
        "This is known only from a job, which takes longer than usual. `job` links to it; try again.",
        RETRY_AFTER_SECONDS,
    ),
    ProblemType(
        "master-silent",
        Status.GATEWAY_TIMEOUT,
        "The master daemon does not answer",
        "The master daemon's socket is there, and no answer came in time. A read changed nothing.",
    ),
    ProblemType(
        "outcome-unknown",
        Status.GATEWAY_TIMEOUT,
        "The job was submitted, and what comes of it is not known",
        "The master daemon took the job, and then went away and did not come back. `job` links to the job: it is "
        "carried out, or will be. Look at it instead of sending the request again.",
    ),
    ProblemType(
        "unknown",
        Status.GATEWAY_TIMEOUT,
        "Whether the job was submitted is not known",
        "The master daemon went away in the middle of the submission and is not back. `mark` is what the job carries "
        "in its reason trail if it was submitted: look for it in the queue before you send the request again.",
    ),
)
TYPES: Mapping[str, ProblemType] = {one.slug: one for one in _TYPES}


@dataclass
class Problem(Exception):
    """One problem. `members` are its extension members; `headers` go with the answer."""

    slug: str
    detail: str
    members: dict[str, Any] = field(default_factory=dict)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def type(self) -> ProblemType:
        """The row of the table."""
        return TYPES[self.slug]

    def body(self) -> dict[str, Any]:
        """As a client sees it (RFC 9457 3)."""
        kind = self.type
        return {
            "type": f"/3/problems/{kind.slug}",
            "title": kind.title,
            "status": int(kind.status),
            "detail": _clipped(self.detail),
            **{name: _clipped(value) for name, value in self.members.items()},
        }


def _clipped(value: Any) -> Any:
    """Text that a client sent is not sent back by the megabyte."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[:LONGEST_TEXT]}..."
    return value


def not_found(what: str) -> Problem:
    """404."""
    return Problem("not-found", what)


def method_not_allowed(detail: str, allow: list[str]) -> Problem:
    """405, with the methods that there are."""
    return Problem("method-not-allowed", detail, {"allow": allow}, [(b"allow", ", ".join(allow).encode())])


def precondition_failed(detail: str, stamp: str) -> Problem:
    """412. The tag that it carries has no digest, which only a representation has; its stamp guards a write as well."""
    return Problem("precondition-failed", detail, headers=[(b"etag", f'"{stamp}"'.encode())])


def unprocessable(detail: str, **members: Any) -> Problem:
    """422."""
    return Problem("unprocessable", detail, members)


# Ganeti's error codes (`ganeti.errors` calls them ECODE_*); `unknown_entity` is of something that the body names: what
# the path names is looked at before
_BY_CODE = {
    "unknown_entity": "unprocessable",
    "wrong_input": "unprocessable",
    "already_exists": "already-exists",
    "resource_not_unique": "already-exists",
    "wrong_state": "wrong-state",
    "insufficient_resources": "no-capacity",
    "temp_insufficient_resources": "no-capacity-now",
    "environment_error": "environment",
    "resolver_error": "environment",
}
_BY_CLASS: tuple[tuple[type[Exception], str], ...] = (
    (JobQueueFull, "queue-full"),
    (JobQueueDrainError, "queue-drained"),
    (JobLost, "not-found"),
    (OpPrereqError, "unprocessable"),
    (OpExecError, "job-failed"),
    (NotSubmitted, "not-submitted"),
    (SubmissionUnknown, "unknown"),
    (MasterAbsent, "master-absent"),
    (MasterGarbled, "master-garbled"),
    (MasterSilent, "master-silent"),
    (MasterLost, "master-silent"),
    (GanetiError, "master-garbled"),
    (MasterError, "master-garbled"),
)
# Ganeti's classes for what a client should have said otherwise
_OF_THE_CLIENT = frozenset({"ParameterError", "TagError", "TypeEnforcementError"})
_QUEUE_DRAINED = "Queue drained"  # luxid says it without a class of its own


def problem_for(error: GanetiError | MasterError | SubmissionLost, **members: Any) -> Problem:
    """The problem that tells a client of an error of Ganeti's or of the way to it."""
    if isinstance(error, SubmissionLost):
        members = {"mark": error.mark, **members}
    if isinstance(error, GanetiError):
        members = {"ganeti_class": error.ganeti_class, **members}
        if error.code is not None:
            members["ganeti_code"] = error.code
            if error.code in _BY_CODE:
                return Problem(_BY_CODE[error.code], error.text, members)
        if error.text == _QUEUE_DRAINED:
            return Problem("queue-drained", error.text, members)
        if error.ganeti_class in _OF_THE_CLIENT:
            return Problem("unprocessable", error.text, members)
        if "job" in members and not isinstance(error, OpPrereqError):
            return Problem("job-failed", error.text, members)  # of whatever class: a job said it
    slug = next(slug for kind, slug in _BY_CLASS if isinstance(error, kind))
    return Problem(slug, str(error), members)
