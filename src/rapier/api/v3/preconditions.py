"""Entity tags and preconditions (RFC 9110 8.8.3, 13).

A tag is `"<stamp>.<digest>"`: the stamp of what the object owns, and a digest of this representation. `If-None-Match`
compares the whole, `If-Match` the stamp alone, so that a tag that was read as XML, or with live figures that have
changed since, still guards a write.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from starlette.types import Scope

from rapier.api.http import header_list
from rapier.api.v3.problems import Problem

DIGEST_BYTES = 8
_TAG = re.compile(r'\s*(?:(W/)?"([\x21\x23-\x7e\x80-\xff]*)"|(\*))\s*(?:,|$)')


def entity_tag(stamp: str, body: bytes, media_type: str) -> str:
    """The entity tag of a representation."""
    digest = hashlib.blake2b(body, digest_size=DIGEST_BYTES, key=media_type.encode()[:64]).hexdigest()
    return f'"{stamp}.{digest}"'


@dataclass(frozen=True)
class Tags:
    """What an `If-Match` or `If-None-Match` header lists; `any` for `*`."""

    any: bool
    opaque: frozenset[str]

    def name_stamp(self, stamp: str) -> bool:
        """Whether one of them has that stamp; so does `*`."""
        return self.any or any(tag.partition(".")[0] == stamp for tag in self.opaque)

    def name_tag(self, tag: str) -> bool:
        """Whether one of them is the whole tag (weak comparison, RFC 9110 13.1.2); so is `*`."""
        return self.any or tag[1:-1] in self.opaque


def read_tags(text: str, name: str) -> Tags:
    """The header's value. Raises a 400 for what is no list of entity tags."""
    opaque, any_tag, at = set(), False, 0
    while at < len(text):
        found = _TAG.match(text, at)
        if found is None:
            raise Problem(
                "malformed", f'{name}: {text[at : at + 60]!r} is no entity tag, which is written "…" with its quotes'
            )
        at = found.end()
        if found[3]:
            any_tag = True
        else:
            opaque.add(found[2])
    if not opaque and not any_tag:
        raise Problem("malformed", f"{name} names no entity tag")
    return Tags(any_tag, frozenset(opaque))


@dataclass(frozen=True)
class Preconditions:
    """Those of one request; `None` where the header is missing."""

    if_match: Tags | None
    if_none_match: Tags | None

    @property
    def given(self) -> bool:
        """Whether there is one."""
        return self.if_match is not None or self.if_none_match is not None


NONE = Preconditions(None, None)


def preconditions_of(scope: Scope) -> Preconditions:
    """The request's. Raises a 400 for tags that are none, and for an `ETag` header that believes to be one."""
    if_match = header_list(scope, b"if-match")
    if_none_match = header_list(scope, b"if-none-match")
    if if_match is None and header_list(scope, b"etag") is not None and scope["method"] not in ("GET", "HEAD"):
        raise Problem(
            "etag-without-if-match", "Send the entity tag as the value of If-Match; ETag in a request guards nothing"
        )
    if if_match is None and if_none_match is None:
        return NONE
    return Preconditions(
        None if if_match is None else read_tags(if_match, "If-Match"),
        None if if_none_match is None else read_tags(if_none_match, "If-None-Match"),
    )
