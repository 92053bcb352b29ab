"""Where the APIs under test differ on purpose, by name. There is no other way for a test to be let off.

A test asks `differs("name")` and then asserts what the targets named here do instead. A difference belongs to `stock`
where stock itself is broken, and to Rapier where it does more, or other, on purpose.
"""

from __future__ import annotations

from typing import NamedTuple

STOCK = ("stock",)
RAPIER = ("rapier-real", "rapier-embedded")


class Difference(NamedTuple):
    """Which targets differ, and why, in one line."""

    targets: tuple[str, ...]
    reason: str


DIFFERENCES: dict[str, Difference] = {
    "head-on-reads": Difference(
        RAPIER, "HEAD answers as GET does, without a body, unless GET makes a job; stock has no HEAD"
    ),
    "full-uri-as-target": Difference(RAPIER, "a server must take the absolute form (RFC 9112 3.2.2); stock has 404"),
    "words-after-the-credentials": Difference(RAPIER, "the header ends with the credentials (RFC 7617 2)"),
    "two-hosts": Difference(RAPIER, "more than one Host is refused (RFC 9112 3.2); stock takes one of them"),
    "reads-keep-the-connection": Difference(RAPIER, "reads may be followed by more on the same connection"),
    "name-of-the-server": Difference(RAPIER, "the Server header names Rapier"),
    "bodies-in-chunks": Difference(RAPIER, "chunked bodies are read; stock takes the chunks for the body"),
    "bare-line-feeds": Difference(
        RAPIER,
        "a line that ends in LF alone is refused, for two readers may see two requests; not LF behind credentials",
    ),
    "length-that-is-none": Difference(RAPIER, "a Content-Length that is no number is refused; stock ignores it"),
    "version-of-the-answer-to-nonsense": Difference(STOCK, "answers HTTP/0.9, with headers left out"),
    "charset-of-utf-8": Difference(RAPIER, "application/json may name the charset that it always has"),
    "numbers-that-json-has-not": Difference(RAPIER, "NaN and Infinity are no JSON (RFC 8259 6)"),
    "body-length-in-letters": Difference(STOCK, "counts letters where Content-Length counts bytes, and waits for ever"),
    "body-that-is-no-utf-8": Difference(STOCK, "closes the connection without a word"),
    "hypervisor-parameters-that-are-no-object": Difference(STOCK, "fails on its own rewriting of usb_devices"),
    "wait-without-an-object": Difference(STOCK, "fails on its own reading of a body that is no object"),
    "fragment-in-the-target": Difference(RAPIER, "what follows a # is no part of the path; stock takes it for one"),
    "user-and-request-in-the-trail": Difference(
        RAPIER, "the reason trail goes on with who asked and the request's id, so that a job leads to its cause"
    ),
    "one-level-of-rights": Difference(RAPIER, "whoever is in the users file may do everything"),
}
