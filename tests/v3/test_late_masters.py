"""A master whose queries show a change only some time after its job's end, as a large cluster's luxid does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from endpoints import Access, embedded_master, rapier
from v3.client import Api
from v3.conftest import creation

LAG_SECONDS = 0.4


@pytest.fixture(scope="module")
def late(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Version 3 before such a master."""
    folder = tmp_path_factory.mktemp("late")
    with (
        embedded_master(folder, lag_seconds=LAG_SECONDS) as socket,
        rapier("rapier-late", socket, access) as endpoint,
    ):
        api = Api("late", endpoint)
        yield api
        api.http.close()


def test_who_waits_for_a_creation_gets_the_object(late: Api, new_name: str) -> None:
    made = late.done("POST", "instances", creation(new_name))
    assert made.status_code == 201
    assert late.done("POST", f"instances/{new_name}/rename", {"new_name": f"{new_name}-b", "name_check": False,
                     "ip_check": False}).json()["name"] == f"{new_name}-b"  # fmt: skip


@pytest.mark.parametrize("path", ["tag", "nodes/node3/tag"])
def test_who_waits_for_a_change_of_tags_is_shown_it(late: Api, path: str) -> None:
    assert late.done("POST", path, {"tags": ["a", "b"]}).json()["tags"] == ["a", "b"]
    assert late.done("DELETE", f"{path}?tag=a").json()["tags"] == ["b"]
    assert late.done("PUT", path, {"tags": ["c"]}).json()["tags"] == ["c"]
