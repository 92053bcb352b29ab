"""Resources that tell of the API and the cluster as such."""

from __future__ import annotations

import pytest

from conformance import shapes
from conformance.client import Api


@pytest.mark.parametrize("path", ["/", "/2"])
def test_the_roots_are_null(api: Api, path: str) -> None:
    assert api.get(path).raw == b"null\n"


def test_version_is_the_number_2(api: Api) -> None:
    assert api.get("/version").raw == b"2\n"


def test_features_are_these_four_in_any_order(api: Api) -> None:
    # stock lists a set: another order after each of its starts
    features = api.get("/2/features").value()
    assert sorted(features) == [
        "instance-create-reqv1",
        "instance-reinstall-reqv1",
        "node-evac-res1",
        "node-migrate-reqv1",
    ]


def test_info_has_these_members_and_no_others(api: Api) -> None:
    info = api.get("/2/info").value()
    shapes.assert_fits(info, shapes.INFO)
    assert info["software_version"] == "3.0.2"
    assert info["protocol_version"] == info["config_version"] == 3000000
    assert info["default_hypervisor"] == "fake"
    assert info["enabled_hypervisors"] == ["fake"]
    assert set(info["enabled_disk_templates"]) >= {"sharedfile", "diskless", "file"}


def test_info_repeats_two_members_under_their_older_names(api: Api) -> None:
    info = api.get("/2/info").value()
    assert info["vg_name"] == info["volume_group_name"]
    assert info["drbd_helper"] == info["drbd_usermode_helper"]


def test_info_names_the_master_node(api: Api, nodes: list[str]) -> None:
    assert api.get("/2/info").value()["master"] in nodes


def test_operating_systems_are_names_with_variants(api: Api) -> None:
    systems = api.get("/2/os").value()
    assert all(isinstance(name, str) for name in systems)
    assert "dummy+default" in systems
