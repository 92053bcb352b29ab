"""Drives an API with Debian's own `ganeti.rapi.client`, and prints what it saw as JSON.

Not imported: it is started with Debian's Python, as `debians_client.py FOLDER HOST PORT USER PASSWORD CERTIFICATE`, and
with one more word where the certificate, as stock's, names no host.
"""

import json
import sys
from typing import Any

folder, host, port, user, password, certificate, *names_no_host = sys.argv[1:]
sys.path.insert(0, folder)

from ganeti.rapi import client as rapi  # type: ignore[import-not-found]  # noqa: E402

seen: dict[str, Any] = {}
api = rapi.GanetiRapiClient(
    host,
    port=int(port),
    username=user,
    password=password,
    curl_config_fn=rapi.GenericCurlConfig(cafile=certificate, verify_hostname=not names_no_host),
)
seen["version"] = api.GetVersion()
seen["features"] = api.GetFeatures()
seen["cluster"] = api.GetInfo()["name"]
seen["systems"] = api.GetOperatingSystems()
seen["nodes"] = api.GetNodes()
seen["node"] = api.GetNode(seen["nodes"][0])["name"]
job = api.CreateInstance(
    "create",
    "of-debians-client",
    "sharedfile",
    [{"size": 64}],
    [{}],
    os="dummy+default",
    pnode=seen["nodes"][1],
    ip_check=False,
    name_check=False,
)


def ends_well(job_id: int) -> Any:
    """Whether the job has ended with success."""
    return api.WaitForJobCompletion(job_id, period=0.1)


seen["created"] = ends_well(job)
seen["change"] = api.WaitForJobChange(job, ["status"], None, -1)["job_info"]
seen["instance"] = api.GetInstance("of-debians-client")["status"]
seen["listed"] = "of-debians-client" in [one["name"] for one in api.GetInstances(bulk=True)]
steps: dict[str, Any] = {
    "tagged": lambda: api.AddInstanceTags("of-debians-client", ["a", "b"]),
    "untagged": lambda: api.DeleteInstanceTags("of-debians-client", ["a"]),
    "stopped": lambda: api.ShutdownInstance("of-debians-client"),
    "started": lambda: api.StartupInstance("of-debians-client"),
    "rebooted": lambda: api.RebootInstance("of-debians-client", reboot_type="soft"),
}
for step, do in steps.items():
    seen[step] = ends_well(do())
seen["tags"] = api.GetInstanceTags("of-debians-client")
seen["info"] = api.GetJobStatus(api.GetInstanceInfo("of-debians-client"))["summary"]
seen["removed"] = ends_well(api.DeleteInstance("of-debians-client"))
seen["cancelled"] = api.CancelJob(job)
questions: dict[str, Any] = {"unknown": lambda: api.GetInstance("no-such"), "bad": lambda: api.GetJobStatus("x")}
for name, ask in questions.items():
    try:
        ask()
    except rapi.GanetiApiError as problem:
        seen[name] = problem.code
print(json.dumps(seen))
