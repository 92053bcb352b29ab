"""Where the APIs under test differ on purpose, by name. There is no other way for a test to be let off.

`docs/differences.md` shows the same lines to users.

A test asks `differs("name")` and then asserts what the targets named here do instead. A difference belongs to `stock`
where stock itself is broken, and to Rapier where it does more, or other, on purpose. Those in `AROUND` are none of what
is asked: what guards the daemon makes them, and the tests of those guards show them.
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
        "a line that ends in LF alone is refused: two readers may see two requests; not behind credentials",
    ),
    "length-that-is-none": Difference(RAPIER, "a Content-Length that is no number is refused; stock ignores it"),
    "version-of-the-answer-to-nonsense": Difference(STOCK, "answers HTTP/0.9, with headers left out"),
    "charset-of-utf-8": Difference(
        RAPIER, "application/json may name the charset that it always has, and be in capitals (RFC 9110 8.3.1)"
    ),
    "numbers-that-json-has-not": Difference(RAPIER, "NaN and Infinity are no JSON (RFC 8259 6)"),
    "ids-beyond-64-bits": Difference(
        RAPIER, "no job has such an id; luxid keeps its lowest 64 bits, and would cancel whose id these are"
    ),
    "numbers-beyond-doubles": Difference(
        RAPIER, "1e400 is no number for most programs, luxid among them, nor for Rapier"
    ),
    "half-a-letter": Difference(RAPIER, 'half of a surrogate pair, as "\\ud800", is no text (RFC 8259 8.2)'),
    "body-length-in-letters": Difference(STOCK, "counts letters where Content-Length counts bytes, and waits for ever"),
    "body-that-is-no-utf-8": Difference(STOCK, "closes the connection without a word"),
    "hypervisor-parameters-that-are-no-object": Difference(
        STOCK, "fails on its own rewriting of usb_devices, also where those are no text"
    ),
    "body-that-is-no-object": Difference(STOCK, "fails on its own reading of a body that is missing or no object"),
    "disks-that-are-no-text": Difference(STOCK, "fails on its own reading of a list of disks that holds texts"),
    "reinstallation-of-another-type": Difference(
        STOCK, "does not check what it submits: 502 where luxid cannot read it, else a job that fails"
    ),
    "private-parameters-of-another-type": Difference(
        STOCK, "makes an object of some that are none, and calls others no JSON"
    ),
    "wait-without-an-object": Difference(STOCK, "fails on its own reading of a body that is no object"),
    "fragment-in-the-target": Difference(RAPIER, "what follows a # is no part of the path; stock takes it for one"),
    "features-in-any-order": Difference(STOCK, "lists `/2/features` in another order after each start"),
    "user-and-request-in-the-trail": Difference(
        RAPIER, "the reason trail goes on with who asked and the request's id, so that a job leads to its cause"
    ),
}

AROUND: dict[str, Difference] = {
    "unclear-requests": Difference(
        RAPIER, "a request that could be read in two ways is 400: [odd-http.md](odd-http.md) has both answers to each"
    ),
    "caps": Difference(
        RAPIER, "what is too large is 413, 414 or 431, too slow 408, too many is cut: [limits.md](limits.md)"
    ),
    "bodies-of-many-values": Difference(
        RAPIER, "more than 100,000 values in a body are 400: reading them takes seconds"
    ),
    "names-of-headers": Difference(RAPIER, "stand in small letters in answers; to HTTP they are the same"),
    "ciphers-of-tls-1.2": Difference(
        RAPIER, "those without forward secrecy or with SHA-1 are none: [clients.md](clients.md)"
    ),
    "guesses-wait": Difference(
        RAPIER, "who often brings a wrong password waits, up to 2 s each time; stock looks at each at once"
    ),
    "master-that-is-away": Difference(
        RAPIER,
        "504 comes at once and says what is wrong, also where the socket may not be opened; stock waits for up to "
        "30 s, and has 500 for the latter",
    ),
    "submitted-once": Difference(
        RAPIER, "where luxid's answer is lost, it is 504; stock submits it again, and it may run twice"
    ),
    "pages-of-other-sites": Difference(
        RAPIER, "a write that a page of another origin sends is 403: [browsers.md](browsers.md)"
    ),
    "credentials-loosely-written": Difference(
        RAPIER, "behind a tab, or in what is no base64, are none (RFC 7617 2); stock drops what it cannot read"
    ),
    "paths-of-its-own": Difference(
        RAPIER, "`/healthz`, `/readyz`, `/metrics` and what begins with `/3` are answered; stock has 401 or 404"
    ),
    "letters-beyond-ascii": Difference(
        RAPIER, "luxid answers a query that holds some with what is no UTF-8: 502; stock fails on it with 500"
    ),
    "client-that-leaves": Difference(
        RAPIER, "the job of a `GET /2/os` whose client has left goes on, for others wait for it; stock cancels it"
    ),
    "empty-clear-text": Difference(RAPIER, "`{CLEARTEXT}` with nothing behind it in `rapi/users` lets nobody in"),
    "passwords-beyond-ascii": Difference(RAPIER, "names and passwords in `rapi/users` may be UTF-8"),
    "users-file-that-is-gone": Difference(RAPIER, "its users are still let in; stock then lets nobody in"),
    "defaults-file-that-is-gone": Difference(
        RAPIER, "with `--ganeti` everybody is asked for a password; stock would let everybody read"
    ),
}
