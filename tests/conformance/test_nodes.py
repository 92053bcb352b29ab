"""/2/nodes and /2/nodes/N."""

from __future__ import annotations

import pytest

from conformance import shapes
from conformance.client import Api

SYNC_QUERY = "(&#x27;Sync queries are not allowed&#x27;, &#x27;wrong_input&#x27;)"


def test_nodes_are_ids_with_uris_sorted_by_name(api: Api) -> None:
    nodes = api.get("/2/nodes").value()
    assert len(nodes) == 4
    assert nodes == [{"id": node["id"], "uri": f"/2/nodes/{node['id']}"} for node in nodes]
    assert [node["id"] for node in nodes] == sorted(node["id"] for node in nodes)


def test_nodes_in_bulk_have_these_members_and_no_others(api: Api, nodes: list[str]) -> None:
    bulk = api.get("/2/nodes?bulk=1").value()
    shapes.assert_fits(bulk, [shapes.NODE_IN_BULK])
    assert [node["name"] for node in bulk] == nodes


def test_one_node_has_the_secondary_address_under_a_second_name(api: Api, nodes: list[str]) -> None:
    node = api.get(f"/2/nodes/{nodes[1]}").value()
    shapes.assert_fits(node, shapes.NODE)
    assert node["name"] == nodes[1]
    assert node["secondary_ip"] == node["sip"]


def test_one_node_is_the_master_and_the_others_are_regular(api: Api) -> None:
    roles = [node["role"] for node in api.get("/2/nodes?bulk=1").value()]
    assert sorted(roles) == ["M", "R", "R", "R"]


def test_a_node_that_answers_tells_of_its_memory_and_processors(api: Api, nodes: list[str]) -> None:
    node = api.get(f"/2/nodes/{nodes[0]}").value()
    assert 0 < node["mfree"] <= node["mtotal"]
    assert 0 < node["dfree"] <= node["dtotal"]
    assert node["ctotal"] >= 1
    assert node["sptotal"] is None
    assert node["spfree"] is None


def test_a_node_that_is_not_there_is_404(api: Api) -> None:
    assert api.get("/2/nodes/no-such-node").refusal() == (404, "Not Found")


def test_a_node_is_found_by_its_uuid_as_well(api: Api, nodes: list[str]) -> None:
    by_name = api.get(f"/2/nodes/{nodes[2]}").value()
    by_uuid = api.get(f"/2/nodes/{by_name['uuid']}").value()
    assert by_uuid["name"] == nodes[2]


@pytest.mark.parametrize("node", ["node1", "no-such-node"])
def test_locking_one_node_is_refused_by_the_master(api: Api, node: str) -> None:
    assert api.get(f"/2/nodes/{node}?lock=1").refusal() == (500, SYNC_QUERY)


def test_the_list_of_nodes_takes_no_lock(api: Api) -> None:
    assert len(api.get("/2/nodes?lock=1").value()) == 4
    assert len(api.get("/2/nodes?lock=nonsense").value()) == 4


@pytest.mark.parametrize("query", ["lock=", "lock", "lock=0", "lock=%200", "bulk=x"])
def test_one_node_is_shown_without_lock_whatever_else_is_asked(api: Api, nodes: list[str], query: str) -> None:
    assert api.get(f"/2/nodes/{nodes[0]}?{query}").value()["name"] == nodes[0]
