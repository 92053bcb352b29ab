"""Ganeti's errors, as opcodes and calls raise them. Codes are those of Ganeti's `errors.ECODE_*`."""

from __future__ import annotations

from rapier.errors import GanetiError, OpExecError, OpPrereqError, RequestRefused

UNKNOWN = "unknown_entity"
EXISTS = "already_exists"
WRONG_INPUT = "wrong_input"
WRONG_STATE = "wrong_state"
NOT_UNIQUE = "resource_not_unique"
NO_RESOURCES = "insufficient_resources"
ENVIRONMENT = "environment_error"


def prereq(text: str, code: str) -> OpPrereqError:
    """The opcode cannot be carried out as it stands."""
    return OpPrereqError("OpPrereqError", [text, code])


def failed(text: str) -> OpExecError:
    """Carrying it out failed."""
    return OpExecError("OpExecError", [text])


def generic(ganeti_class: str, text: str) -> GanetiError:
    """Any other of Ganeti's exception classes, with one text."""
    return GanetiError(ganeti_class, [text])


def unreadable(text: str) -> RequestRefused:
    """The request itself cannot be read: luxid says so in a bare text, and closes the connection."""
    return RequestRefused("GenericError", [f"Failed to parse request: {text}"])
