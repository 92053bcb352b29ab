"""Sessions with a shell, as documentation shows them: commands behind `$ `, and what they print.

A block is fenced as `console`. Lines of a command behind the first one begin with `> `, as a shell shows them. `…` in
what is printed stands for anything; breaking a line and indenting the rest changes nothing, since answers are longer
than a page is wide.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

END = "=== end of"
SECONDS = 60


@dataclass(frozen=True)
class Step:
    """One command, and what the page says it prints."""

    command: str
    shown: str

    def allows(self, printed: str) -> bool:
        """Whether this may be what the page shows."""
        pattern = "[\\s\\S]*?".join(re.escape(part) for part in _joined(self.shown).split("…"))
        return re.fullmatch(pattern, _joined(printed)) is not None


def _joined(text: str) -> str:
    return re.sub(r"\s*\n\s*", "", text.replace("\r", "")).strip()


def steps_of(page: Path) -> list[Step]:
    """Every command of a page, in its order."""
    steps = []
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for text in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = text.splitlines()
            while lines and lines[0].startswith("> "):
                command += "\n" + lines.pop(0).removeprefix("> ")
            steps.append(Step(command, "\n".join(lines)))
    return steps


def run_in_one_shell(steps: list[Step], variables: dict[str, str], folder: Path) -> list[str]:
    """What each command prints; files that they write are in the folder."""
    lines = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    for number, step in enumerate(steps):
        lines += [step.command, f"echo; echo '{END} {number}'"]
    script = "\n".join(lines)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert done.stderr == ""
    return re.split(rf"\n{END} \d+\n", done.stdout)[:-1]
