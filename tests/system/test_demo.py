"""`rapier demo`, as a newcomer meets it: what it prints works when pasted, and the next start finds all again."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from processes import RAPIER, Program


def demo(state: Path) -> Program:
    """A demo on a free port, when it answers."""
    program = Program("demo", [*RAPIER, "demo", "--state", state, "--listen", "127.0.0.1:0"])
    program.wait_for("Ctrl-C ends it")
    return program


def pasted(lines: list[str]) -> list[str]:
    """What each line prints in one shell."""
    script = "\necho; echo ---\n".join(lines)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return [part.strip() for part in done.stdout.split("\n---\n")]


def test_the_printed_lines_work_and_a_second_start_finds_the_instances(tmp_path: Path) -> None:
    began = time.monotonic()
    program = demo(tmp_path / "state")
    print(f"rapier demo answered after {time.monotonic() - began:.2f} s")
    lines = re.findall(r"^.*curl .*$", program.log, re.MULTILINE)
    assert len(lines) == 3
    assert all("--cacert" in line and "-k" not in line.split() for line in lines)

    listed, created, ended = pasted(lines)
    instances: list[dict[str, Any]] = json.loads(listed)["items"]
    assert instances
    job, shown = json.loads(created), json.loads(ended)
    assert (job["kind"], job["outcome"]) == ("job", None)
    assert (shown["id"], shown["outcome"]) == (job["id"], "success")
    assert shown["summary"] == ["INSTANCE_CREATE(web1)"]
    program.process.send_signal(signal.SIGINT)
    assert program.process.wait(10) == 0
    assert "Traceback" not in program.log
    assert str(tmp_path / "state") in program.log

    again = demo(tmp_path / "state")
    listing = re.findall(r"^.*curl .*$", again.log, re.MULTILINE)[0]
    names = {instance["name"] for instance in json.loads(pasted([listing])[0])["items"]}
    assert names == {instance["name"] for instance in instances} | {"web1"}
    assert again.stop() == 0


def test_the_readme_shows_what_it_prints(tmp_path: Path) -> None:
    program = demo(tmp_path)
    printed = program.log
    assert program.stop() == 0
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    shown = re.search(r"^```\n(Rapier answers.*?)```", readme, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert neutral(shown[1]) == neutral(printed)


def neutral(text: str) -> str:
    """Without what is another each time: port, password, folder, fingerprint."""
    folder = re.search(r"state +(\S+)", text)[1]  # type: ignore[index]
    password = re.search(r"password +(\S+)", text)[1]  # type: ignore[index]
    text = text.replace(folder, "STATE").replace(password, "PASSWORD").strip()
    return re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", re.sub(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", "FINGERPRINT", text))


def test_a_second_demo_is_refused_and_the_first_keeps_its_password(tmp_path: Path) -> None:
    state = tmp_path / "a :ab: b"  # for rich an emoji, as one in nine fingerprints has it
    first = demo(state)
    assert f"state        {state}  (" in first.log
    listing = re.findall(r"^.*curl .*$", first.log, re.MULTILINE)[0]
    port = re.search(r"https://127\.0\.0\.1:(\d+)", first.log)[1]  # type: ignore[index]
    for listen, said in (("127.0.0.1:0", "another embedded master"), (f"127.0.0.1:{port}", "cannot listen")):
        command = [*RAPIER, "demo", "--state", str(state), "--listen", listen]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 1
        assert said in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert json.loads(pasted([listing])[0])["items"], "the line that the first one printed"
    assert first.stop() == 0
    (state / "key.pem").unlink()
    again = demo(state)  # makes both anew
    assert again.stop() == 0


def test_a_demo_on_every_address_prints_one_that_can_be_asked(tmp_path: Path) -> None:
    program = Program("demo", [*RAPIER, "demo", "--state", tmp_path / "state", "--listen", "0.0.0.0:0"])
    program.wait_for("Ctrl-C ends it")
    assert json.loads(pasted(re.findall(r"^.*curl .*$", program.log, re.MULTILINE)[:1])[0])["items"]
    program.process.send_signal(signal.SIGHUP)
    assert program.process.wait(10) == -signal.SIGHUP, "it ends with its terminal, unlike a daemon"
