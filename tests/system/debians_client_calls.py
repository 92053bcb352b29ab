"""Makes calls, read from standard input, with Debian's own `ganeti.rapi.client`, and prints what they came to.

Not imported: it is started with Debian's Python, as `debians_client_calls.py FOLDER HOST PORT USER PASSWORD CA REASON`.
With a REASON that is not empty jobs are given it and are left in the queue; without, they are waited for. A CA that is
empty stands for no verification. The last line is a list of the client's public methods.
"""

import inspect
import json
import sys
from typing import Any

folder, host, port, user, password, certificate, reason = sys.argv[1:]
sys.path.insert(0, folder)

from ganeti.rapi import client as rapi  # type: ignore[import-not-found]  # noqa: E402

verified = {"cafile": certificate, "verify_hostname": True} if certificate else {}
api = rapi.GanetiRapiClient(
    host,
    port=int(port),
    username=user,
    password=password,
    curl_config_fn=rapi.GenericCurlConfig(**verified) if verified else None,
)
methods = {name: method for name, method in inspect.getmembers(api, inspect.ismethod) if name[0].isupper()}
known: dict[str, Any] = {"<result>": None, "<job>": None}


def value_of(given: Any) -> Any:
    """An argument, with what stands for something else replaced by that."""
    if isinstance(given, list):
        if given[:1] == ["of"]:
            _, name, args, kwargs = given
            return methods[name](*args, **kwargs)
        return [value_of(one) for one in given]
    if isinstance(given, dict):
        return {name: value_of(one) for name, one in given.items()}
    return known.get(given, given) if isinstance(given, str) else given


# What they do with a reason is not to give it to the job
NO_REASON = ("ModifyNetwork", "Query", "ReinstallInstance")


def outcome(name: str, args: list[Any], kwargs: dict[str, Any], may_be_held: bool) -> Any:
    """What a call came to: a value, a job, or an error."""
    takes_reason = "reason" in inspect.signature(methods[name]).parameters and name not in NO_REASON
    holdable = takes_reason and may_be_held
    if reason and holdable:
        kwargs["reason"] = reason
    try:
        result = methods[name](*map(value_of, args), **value_of(kwargs))
    except rapi.GanetiApiError as problem:
        return ["error", problem.code, str(problem)]
    known["<result>"] = result
    if type(result) is not int or name == "GetVersion":
        return ["value", result]
    known["<job>"] = result
    if reason and holdable:
        return ["held", result, api.GetJobStatus(result)["ops"]]
    return ["job", ended(result)]


def ended(job_id: int) -> dict[str, Any]:
    """A job and those that it submitted, when all of them have ended."""
    api.WaitForJobCompletion(job_id, period=0.1)
    job = {name: api.GetJobStatus(job_id)[name] for name in ("status", "ops", "opresult", "summary")}
    for outcome in job["opresult"]:
        if isinstance(outcome, dict) and "jobs" in outcome:
            outcome["jobs"] = [ended(child) for _, child in outcome["jobs"]]
    return job


for line in sys.stdin:
    print(json.dumps(outcome(*json.loads(line))), flush=True)
print(json.dumps(sorted(methods)))
