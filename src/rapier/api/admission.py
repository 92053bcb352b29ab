"""What the door said of a request, as the version that was asked reads it: `state["admission"]`."""

from __future__ import annotations

from typing import NamedTuple

from rapier.access import rights
from rapier.access.rights import Rights
from rapier.api.http import Rejection


class Admission(NamedTuple):
    """What a request may do, and how it is refused what it may not.

    `rights` is None where it may do nothing, not even what needs no right. A version is asked all the same where stock
    says of a path or a method that there is none before it says that the password is wrong.
    """

    rights: Rights | None
    refusal: Rejection

    def rejection(self, needed: Rights) -> Rejection | None:
        """Why this may not be done, which needs any one of the rights `needed`."""
        if self.rights is not None and rights.suffice(self.rights, needed):
            return None
        return self.refusal
