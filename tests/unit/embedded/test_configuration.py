"""Names, and changes that count as a whole or not at all."""

from __future__ import annotations

from rapier.embedded.configuration import Changes, Configuration, natural
from rapier.embedded.model import Instance
from rapier.embedded.seed import new_cluster


def cluster(*instances: Instance) -> Configuration:
    configuration = Configuration()
    configuration.apply(new_cluster(nodes=3, instances=0, candidates=10))
    for one in instances:
        configuration.put(one)
    return configuration


def instance(name: str) -> Instance:
    return Instance(name=name, primary_node="n", os="dummy+default", hypervisor="fake", disk_template="diskless")


def test_names_are_sorted_as_people_do() -> None:
    names = ["a", "node10", "node2", "node2a", "node2.b", "10", "9", "node", "b1c10", "b1c9", ""]
    wanted = ["", "9", "10", "a", "b1c9", "b1c10", "node", "node2", "node2.b", "node2a", "node10"]
    assert sorted(names, key=natural) == wanted


def test_an_object_is_found_by_its_name_in_whatever_letters_its_uuid_and_its_name_shortened() -> None:
    one, other = instance("web1.example.org"), instance("web10.example.org")
    configuration = cluster(one, other)
    for called in ("web1.example.org", "WEB1.example.org", one.uuid, "web1", "Web1.Example"):
        assert configuration.instances.find(called) is one
    for called in ("web", "web1.", "web1.example.or", "", "none"):
        assert configuration.instances.find(called) is None
    assert configuration.instances.named("web1") is None


def test_a_shortened_name_that_means_two_means_none() -> None:
    configuration = cluster(instance("web1.example.org"), instance("web1.example.net"))
    assert configuration.instances.find("web1") is None
    assert configuration.instances.find("web1.example.net") is not None


def test_what_is_edited_is_not_seen_before_it_is_applied() -> None:
    configuration = cluster(instance("web1"))
    before = configuration.instances.find("web1")
    assert before is not None
    changes = Changes()
    changes.edit(before).tags.append("x")
    assert changes.edit(before) is changes.edit(before)
    assert (before.tags, before.serial_no) == ([], 1)
    configuration.apply(changes)
    after = configuration.instances.find("web1")
    assert after is not None
    assert (after.tags, after.serial_no) == (["x"], 2)
