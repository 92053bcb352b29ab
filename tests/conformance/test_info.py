"""/2/info and /2/os: what the cluster is, and what it can install."""

from __future__ import annotations

from conformance import shapes
from conformance.client import Api
from conformance.history import Json

BACKEND: Json = {
    "minmem": 128,
    "maxmem": 128,
    "vcpus": 1,
    "auto_balance": True,
    "always_failover": False,
    "spindle_use": 1,
}


def test_info_has_these_members_and_no_others(api: Api) -> None:
    shapes.assert_fits(api.get("/2/info").value(), shapes.INFO)


def test_info_tells_the_versions(api: Api) -> None:
    info = api.get("/2/info").value()
    assert info["software_version"] == "3.0.2"
    assert info["protocol_version"] == info["config_version"] == 3000000
    assert info["os_api_version"] == 20
    assert info["export_version"] == 0
    assert info["architecture"][0] in ("32bit", "64bits")


def test_info_tells_what_can_be_created(api: Api) -> None:
    info = api.get("/2/info").value()
    assert info["default_hypervisor"] == "fake"
    assert info["enabled_hypervisors"] == ["fake"]
    assert set(info["enabled_disk_templates"]) >= {"sharedfile", "diskless", "file"}
    assert set(info["ipolicy"]["disk-templates"]) >= set(info["enabled_disk_templates"])
    assert info["default_iallocator"] == "hail"


def test_info_tells_what_an_instance_gets_that_does_not_say(api: Api) -> None:
    info = api.get("/2/info").value()
    assert info["beparams"] == {"default": BACKEND}
    assert info["nicparams"]["default"]["mode"] == "bridged"
    assert info["hvparams"]["fake"] == {"migration_mode": "live"}
    assert (info["osparams"], info["os_hvp"]) == ({}, {})


def test_info_repeats_two_members_under_their_older_names(api: Api) -> None:
    info = api.get("/2/info").value()
    assert info["vg_name"] == info["volume_group_name"]
    assert info["drbd_helper"] == info["drbd_usermode_helper"]


def test_info_names_the_master_node(api: Api) -> None:
    masters = [node["name"] for node in api.get("/2/nodes?bulk=1").value() if node["role"] == "M"]
    assert [api.get("/2/info").value()["master"]] == masters


def test_a_node_has_the_clusters_parameters(api: Api) -> None:
    info = api.get("/2/info").value()
    assert all(node["ndparams"] == info["ndparams"] for node in api.get("/2/nodes?bulk=1").value())


def test_operating_systems_are_names_with_variants(api: Api) -> None:
    assert api.get("/2/os").value() == ["dummy+default"]


def test_operating_systems_are_found_out_by_a_job(api: Api) -> None:
    before = max((job["id"] for job in api.get("/2/jobs").value()), default=0)
    api.get("/2/os")
    jobs = [job for job in api.get("/2/jobs?bulk=1").value() if job["id"] > before]
    (opcode,) = next(job["ops"] for job in jobs if job["summary"] == ["OS_DIAGNOSE"])
    assert opcode["OP_ID"] == "OP_OS_DIAGNOSE"
    assert opcode["names"] == []
    assert opcode["output_fields"] == ["name", "variants"]
