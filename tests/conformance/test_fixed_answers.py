"""Resources that tell of the API as such."""

from __future__ import annotations

import pytest

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
