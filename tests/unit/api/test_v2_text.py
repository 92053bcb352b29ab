"""JSON of version 2 is stock's to the blank; stock writes it with simplejson, as Debian has it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab import with_ganetis_python
from rapier.api.v2.text import text_of

VALUES: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        2**53,
        2**64,
        1.0,
        0.1,
        1e16,
        1e-7,
        1.5e300,
        "",
        "a",
        "näme",
        "\u2028 \U0001f600",
        '"\\/\b\n\t\x00\x7f',
    ),
    *([], {}, [[]], [1, "a", None], {"a": {"b": []}, "c": [{}, {"d": 1.25}]}, {"": "", "é": "ü"}),
]


@pytest.mark.real
def test_each_value_has_the_text_that_stocks_serializer_gives_it() -> None:
    command = with_ganetis_python(Path(__file__).with_name("stocks_text.py"))
    done = subprocess.run(command, input=json.dumps(VALUES), capture_output=True, text=True, timeout=60, check=True)
    assert [text_of(value).decode() for value in VALUES] == json.loads(done.stdout)
