"""The operations $meta, $meta-add and $meta-delete, row I-23.

https://hl7.org/fhir/R4/resource-operation-meta.html
"""

import json
from typing import Any

import pytest

from profiles.validate import validate
from tests.house import House
from tests.people import stored
from tests.rest.operations import TAG, basic, parameters, post, the_meta


def changed(plain: House, path: str, meta: dict[str, Any], **more: str) -> Any:
    return post(plain, path, None, parameters(meta=("valueMeta", meta)), **more)


def test_I23_meta_is_that_of_the_resource(plain: House) -> None:
    id_ = basic(plain, meta={"tag": [TAG], "profile": ["http://a.example/p"]})
    answer = plain.get(f"Basic/{id_}/$meta")
    assert the_meta(answer) == plain.get(f"Basic/{id_}").json["meta"]
    assert answer.headers["ETag"] == 'W/"1"'
    assert validate(answer.json) == []


def test_I23_meta_add_adds_what_is_not_there_and_makes_a_version(plain: House) -> None:
    id_ = basic(plain, meta={"tag": [TAG]})
    again = TAG | {"display": "once more"}
    new = {"system": "http://a.example/tags", "code": "second"}
    meta = {"tag": [again, new, new], "security": [new], "profile": ["http://a.example/p"]}
    found = the_meta(changed(plain, f"Basic/{id_}/$meta-add", meta | {"versionId": "9"}))
    assert (found["tag"], found["security"]) == ([TAG, new], [new])
    assert (found["profile"], found["versionId"]) == (["http://a.example/p"], "2")
    assert plain.get(f"Basic/{id_}").json["meta"] == found
    assert plain.get(f"Basic?_tag={new['system']}|second&_id={id_}").json["total"] == 1


def test_I23_meta_delete_takes_away_what_is_there(plain: House) -> None:
    second = {"system": "http://a.example/tags", "code": "second"}
    id_ = basic(plain, meta={"tag": [TAG, second], "security": [TAG]})
    found = the_meta(changed(plain, f"Basic/{id_}/$meta-delete", {"tag": [TAG], "security": [TAG]}))
    assert found["tag"] == [second] and "security" not in found


@pytest.mark.parametrize("code", ["meta-add", "meta-delete"])
def test_I23_a_change_of_meta_that_changes_nothing_makes_no_version(
    plain: House, code: str
) -> None:
    id_ = basic(plain, meta={"tag": [TAG]})
    meta = {"tag": [TAG if code == "meta-add" else TAG | {"code": "other"}]}
    assert the_meta(changed(plain, f"Basic/{id_}/${code}", meta))["versionId"] == "1"


def test_I23_a_change_of_meta_heeds_if_match(plain: House) -> None:
    path = f"Basic/{basic(plain)}/$meta-add"
    assert changed(plain, path, {"tag": [TAG]}, if_match='W/"7"').status == 412
    assert changed(plain, path, {"tag": [TAG]}, if_match='W/"1"').status == 200


def test_I23_a_change_of_meta_must_be_valid(plain: House) -> None:
    answer = changed(plain, f"Basic/{basic(plain)}/$meta-add", {"tag": [{"code": " "}]})
    assert answer.status == 400


def test_I23_no_resource_is_made_to_look_like_a_part_of_itself(plain: House) -> None:
    part = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
            "code": "SUBSETTED"}  # fmt: skip
    assert changed(plain, f"Basic/{basic(plain)}/$meta-add", {"tag": [part]}).status == 422


def test_I23_a_profile_that_is_not_known_is_none_in_use(plain: House) -> None:
    unknown = {"extension": [{"url": "http://a.example/e", "valueString": "x"}]}
    basic(plain, meta={"profile": [None, "http://a.example/q"], "_profile": [unknown, None]})
    answer = plain.get("Basic/$meta")
    assert "http://a.example/q" in the_meta(answer)["profile"]
    assert validate(answer.json) == []


def test_I23_meta_of_bytes_keeps_the_bytes(plain: House) -> None:
    id_ = stored(post(plain, "Binary", None, b"\x00\x01", content_type="application/x-thing"))
    assert changed(plain, f"Binary/{id_}/$meta-add", {"tag": [TAG]}).status == 200
    assert plain.get(f"Binary/{id_}", accept="*/*").body == b"\x00\x01"


def test_I23_meta_of_what_is_not_there_is_not_found(plain: House) -> None:
    id_ = basic(plain)
    assert plain.get("Basic/nobody/$meta").status == 404
    assert plain.get(f"Basic/{id_}/_history/2/$meta").status == 404
    assert plain.get(f"Basic/{id_}/_history/0/$meta").status == 404
    assert plain.call("DELETE", f"Basic/{id_}").status == 204
    assert plain.get(f"Basic/{id_}/$meta").status == 410
    assert changed(plain, f"Basic/{id_}/$meta-add", {"tag": [TAG]}).status == 410


def test_I23_meta_of_a_type_has_no_version(plain: House) -> None:
    basic(plain, meta={"tag": [TAG]})
    assert set(the_meta(plain.get("Basic/$meta"))) <= {"tag", "security", "profile"}
    assert json.dumps(the_meta(plain.get("Basic/$meta"))["tag"]).count('"first"') == 1
    assert the_meta(plain.get("Account/$meta")) == {}
