"""Labs by hand. Run as root on Debian, from the folder tests/."""

from __future__ import annotations

import argparse
import os
import sys
import time

from lab.cluster import FOLDER, MARK, VirtualCluster, remove_leftovers
from lab.machine import LabError, why_unavailable

EPILOG = """\
  python -m lab up work --seed-instances 1000
  python -m lab exec work -- gnt-instance list
  python -m lab luxid work kill
  eval "$(python -m lab env work)"; ip netns exec $LAB_NETNS curl -sk -u admin:secret $LAB_RAPI_URL/2/info
"""


def parse() -> argparse.Namespace:
    """The words of the command line."""
    words = argparse.ArgumentParser(
        prog="python -m lab", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = words.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="make a cluster, in place of one of that name")
    up.add_argument("name")
    up.add_argument("--nodes", type=int, default=4)
    up.add_argument("--seed-instances", type=int, default=0, metavar="N", help="with N running diskless instances")
    up.add_argument("--anonymous-reads", action="store_true", help="ganeti-rapi without --require-authentication")
    for verb, purpose in (
        ("env", "shell assignments: socket, address, password"),
        ("restart-master", "stop and start the master node's daemons"),
        ("down", "stop and remove it"),
    ):
        verbs.add_parser(verb, help=purpose).add_argument("name")
    execute = verbs.add_parser("exec", help="run a command as the master node")
    execute.add_argument("name")
    execute.add_argument("command", nargs=argparse.REMAINDER)
    luxid = verbs.add_parser("luxid", help="the master daemon alone")
    luxid.add_argument("name")
    luxid.add_argument("what", choices=["stop", "kill", "start", "pause", "resume"])
    verbs.add_parser("list", help="the labs that stand")
    return words.parse_args()


def main() -> None:
    """One command."""
    words = parse()
    if reason := why_unavailable():
        sys.exit(reason)
    if words.verb == "list":
        print("\n".join(sorted(mark.parent.name for mark in FOLDER.glob(f"*/{MARK}"))))
        return
    lab = VirtualCluster(words.name)
    match words.verb:
        case "up":
            remove_leftovers()
            started = time.monotonic()
            lab.up(
                nodes=words.nodes,
                seed_instances=words.seed_instances,
                require_authentication=not words.anonymous_reads,
            )
            print(f"{lab}\n# made in {time.monotonic() - started:.0f} s")
        case "env":
            print(lab)
        case "exec":
            command = words.command[1:] if words.command[:1] == ["--"] else words.command
            os.execvpe("ip", lab.namespace.command(*command), {**os.environ, **lab.environment()})
        case "restart-master":
            lab.restart_master()
        case "luxid":
            getattr(lab.luxid, words.what)()
        case "down":
            lab.down()


if __name__ == "__main__":
    try:
        main()
    except LabError as problem:
        sys.exit(f"lab: {problem}")
