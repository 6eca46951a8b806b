"""Contained resources: once each, without clashes, none left over."""

from typing import Any

from mappings.cda.contained import Contained, reached, renamed


def test_equal_resources_are_contained_once() -> None:
    contained = Contained()
    first = contained.add("device", {"resourceType": "Device"})
    assert contained.add("device", {"resourceType": "Device"}) == first == "#device-1"
    assert contained.add("device", {"resourceType": "Device", "status": "active"}) == "#device-2"
    assert [one["id"] for one in contained.resources()] == ["device-1", "device-2"]


def test_what_is_reached_through_another_is_kept() -> None:
    contained: list[dict[str, Any]] = [
        {"id": "a", "next": {"reference": "#b"}},
        {"id": "b", "next": [{"reference": "#a"}]},
        {"id": "c"},
    ]
    assert [one["id"] for one in reached({"x": {"reference": "#a"}}, contained)] == ["a", "b"]
    assert reached({"x": {"reference": "Patient/c"}}, contained) == []


def test_a_clash_gives_a_new_id_that_is_free() -> None:
    resource = {
        "contained": [{"id": "a", "x": {"reference": "#b"}}, {"id": "b"}, {"id": "derived-b"}],
        "author": [{"reference": "#a"}, {"reference": "Patient/a"}],
    }
    changed = renamed(resource, {"a", "b", "derived-a"})
    ids = [one["id"] for one in changed["contained"]]
    assert ids[0] == "derived-derived-a" and ids[2] == "derived-b"
    assert len(set(ids)) == 3 and not {"a", "b", "derived-a"} & set(ids)
    assert changed["author"] == [{"reference": f"#{ids[0]}"}, {"reference": "Patient/a"}]
    assert changed["contained"][0]["x"] == {"reference": f"#{ids[1]}"}


def test_without_contained_resources_nothing_is_renamed() -> None:
    assert renamed({"author": [{"reference": "#a"}]}, {"a"}) == {"author": [{"reference": "#a"}]}
