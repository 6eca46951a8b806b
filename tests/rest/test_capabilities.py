"""The CapabilityStatement, and what it says beside interactions: rows I-15 and I-27.

https://hl7.org/fhir/R4/http.html#capabilities, https://hl7.org/fhir/R4/capabilitystatement.html
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from fhir_server.interactions.capabilities import statement
from profiles.definitions import r4
from profiles.validate import validate
from tests.corpus import CORPUS, needs_corpus
from tests.house import BASE, CNAM, INS, NINA, House
from tests.interactions.minimal import minimal
from tests.interactions.shared import new_ins
from tests.people import opened, stored
from tests.rest.stated import JSON_PATCH, basic, codes, rest, said


@pytest.mark.parametrize("kind", ["operation", "searchInclude", "searchRevInclude", "interaction"])
def test_I27_nothing_is_declared_empty(plain: House, kind: str) -> None:
    for holder in (rest(plain), *rest(plain)["resource"]):
        assert holder.get(kind) != []


def test_I27_includes_are_not_done_unless_declared(plain: House) -> None:
    there = said(plain, "Observation")
    for name, key in (("_include", "searchInclude"), ("_revinclude", "searchRevInclude")):
        asked_for = plain.call("GET", "Observation", query={name: "Observation:subject"})
        done = asked_for.status == 200 and name in asked_for.json["link"][0]["url"]
        assert done is (key in there)


def test_I27_versions_are_kept_as_declared(plain: House) -> None:
    there = said(plain, "Basic")
    id_ = stored(plain.post("Basic", None, basic()))
    unguarded = plain.call("PUT", f"Basic/{id_}", None, basic("y") | {"id": id_})
    assert {"versioned": 200, "versioned-update": 400}[there["versioning"]] == unguarded.status
    assert there["readHistory"] is (plain.get(f"Basic/{id_}/_history/1").status == 200)


def test_I27_reads_are_conditional_as_declared(plain: House) -> None:
    there = said(plain, "Basic")["conditionalRead"]
    id_ = stored(plain.post("Basic", None, basic()))
    since = plain.get(f"Basic/{id_}").headers["Last-Modified"]
    by_tag = plain.get(f"Basic/{id_}", if_none_match='W/"1"').status == 304
    by_time = plain.get(f"Basic/{id_}", if_modified_since=since).status == 304
    meant = {
        "not-supported": (False, False), "not-match": (True, False),
        "modified-since": (False, True), "full-support": (True, True),
    }  # fmt: skip
    assert (by_tag, by_time) == meant[there]


def test_I27_several_matches_are_deleted_as_declared(plain: House) -> None:
    there = said(plain, "Basic")["conditionalDelete"]
    for _ in range(2):
        stored(plain.post("Basic", None, basic("deleted-as-declared")))
    answer = plain.call("DELETE", "Basic", query="code=deleted-as-declared")
    assert (answer.status == 412) is (there == "single")


def test_I27_references_are_checked_as_declared(plain: House) -> None:
    dangling = basic() | {"subject": {"reference": "Patient/nobody"}}
    elsewhere = basic() | {"subject": {"reference": "http://b.example/fhir/Patient/1"}}
    by_identifier = basic() | {"subject": {"identifier": {"value": "x"}}}
    policy = said(plain, "Basic")["referencePolicy"]
    assert ("enforced" in policy) is (plain.post("Basic", None, dangling).status == 422)
    assert ("local" in policy) is (plain.post("Basic", None, elsewhere).status == 422)
    assert ("logical" in policy) is (plain.post("Basic", None, by_identifier).status == 201)
    unchecked = replace(plain.settings, references="off")
    (found,) = json.loads(statement(unchecked))["rest"]
    assert all("enforced" not in resource["referencePolicy"] for resource in found["resource"])


def test_I27_other_origins_are_served_as_declared(plain: House) -> None:
    answer = plain.call(
        "OPTIONS", "Basic", origin="http://a.example", access_control_request_method="GET"
    )
    allowed = "Access-Control-Allow-Origin" in answer.headers
    assert rest(plain)["security"]["cors"] is allowed


@pytest.mark.parametrize("media", ["application/fhir+json", "application/fhir+xml"])
def test_I27_the_formats_declared_are_spoken(plain: House, media: str) -> None:
    assert media in plain.get("metadata", accept="application/fhir+json").json["format"]
    assert plain.get("metadata", accept=media).headers["Content-Type"].startswith(media)


def test_I27_patches_come_as_declared(plain: House) -> None:
    there = plain.get("metadata").json["patchFormat"]
    id_ = stored(plain.post("Basic", None, basic()))
    for media in (
        JSON_PATCH, "application/xml-patch+xml", "application/fhir+json", "application/fhir+xml",
        "application/merge-patch+json", "text/plain",
    ):  # fmt: skip
        answer = plain.call("PATCH", f"Basic/{id_}", None, b"x", content_type=media)
        assert (answer.status != 415) is (media in there), media


# With the rules in force.


def test_I27_with_the_rules_on_what_nobody_may_is_not_declared(house: House) -> None:
    patient_id = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    subject = {"subject": {"reference": f"Patient/{patient_id}"}}
    folder = {"resourceType": "List", "status": "current", "mode": "working"} | subject
    list_id = stored(house.post("List", NINA, folder))
    refused = {
        ("AuditEvent", "create"): house.post("AuditEvent", CNAM, minimal("AuditEvent")),
        ("Binary", "create"): house.post("Binary", NINA, minimal("Binary")),
        ("Patient", "delete"): house.call("DELETE", f"Patient/{patient_id}", CNAM),
        ("List", "update"): house.call(
            "PUT", f"List/{list_id}", NINA, folder | {"id": list_id, "title": "x"}
        ),
        ("List", "meta-add"): house.post(f"List/{list_id}/$meta-add", NINA, {
            "resourceType": "Parameters",
            "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "x"}]}}],
        }),
        ("List", "delete"): house.call("DELETE", f"List/{list_id}", NINA),
    }
    for (type_, code), answer in refused.items():
        assert answer.status == 405, (type_, code, answer.body)
        there = said(house, type_)
        operations = {operation["name"] for operation in there["operation"]}
        assert code not in codes(there) | operations, (type_, code)
    assert {"create", "update", "delete", "patch"}.isdisjoint(codes(said(house, "AuditEvent")))


def test_I27_with_the_rules_on_what_is_declared_of_shared_resources_works(house: House) -> None:
    there = said(house, "Organization")
    assert there["updateCreate"] is True
    body = {"resourceType": "Organization", "id": "chosen", "name": "x"}
    assert house.call("PUT", "Organization/chosen", CNAM, body).status == 201
    by_name = {"query": "name=x"}
    assert house.call("PUT", "Organization", CNAM, body | {"name": "xy"}, **by_name).status == 200
    change = json.dumps([{"op": "replace", "path": "/name", "value": "z"}]).encode()
    patched = house.call("PATCH", "Organization/chosen", CNAM, change, content_type=JSON_PATCH)
    assert patched.status == 200
    assert house.call("DELETE", "Organization", CNAM, query="name=z").status in (200, 204)


def test_I27_with_the_rules_on_ids_of_records_are_not_chosen(house: House) -> None:
    assert said(house, "CareTeam")["updateCreate"] is False
    body = {"resourceType": "CareTeam", "id": "mine"}
    assert house.call("PUT", "CareTeam/mine", CNAM, body).status == 405


def test_I27_with_the_rules_on_tokens_are_declared(house: House, plain: House) -> None:
    service = rest(house)["security"]["service"][0]["coding"][0]
    assert service["code"] == "OAuth"
    assert "service" not in rest(plain)["security"]
    assert house.get("Basic").status == 401


# The statement itself.


@pytest.mark.parametrize("mode", ["", "?mode=full", "?mode=normative", "?mode=terminology"])
def test_I15_the_statement_is_valid_and_needs_no_token(house: House, mode: str) -> None:
    answer = house.get(f"metadata{mode}")
    assert answer.status == 200
    assert validate(answer.json) == []
    assert answer.json["implementation"]["url"] == BASE
    kind = "TerminologyCapabilities" if "terminology" in mode else "CapabilityStatement"
    assert answer.json["resourceType"] == kind


@needs_corpus
def test_I15_a_normative_statement_has_nothing_that_is_on_trial(plain: House) -> None:
    assert CORPUS is not None
    path = CORPUS / "r4/definitions/StructureDefinition-CapabilityStatement.json"
    marked = {
        element["path"]
        for element in json.loads(path.read_bytes())["snapshot"]["element"]
        for extension in element.get("extension", ())
        if extension.get("valueCode") == "trial-use"
    }
    assert len(marked) > 10
    assert marked & set(_paths(plain.get("metadata").json, "CapabilityStatement"))
    normative = plain.get("metadata?mode=normative").json
    assert marked & set(_paths(normative, "CapabilityStatement")) == set()
    assert len(normative["rest"][0]["resource"]) == len(r4().resources)


def _paths(value: Any, at: str) -> list[str]:
    if isinstance(value, list):
        return [path for item in value for path in _paths(item, at)]
    if not isinstance(value, dict):
        return []
    inner = [path for name, item in value.items() for path in _paths(item, f"{at}.{name}")]
    return [f"{at}.{name}" for name in value] + inner


def test_I15_an_unknown_mode_is_refused(plain: House) -> None:
    answer = plain.get("metadata?mode=short")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")


def test_I15_a_known_statement_is_not_sent_again(plain: House) -> None:
    tag = plain.get("metadata").headers["ETag"]
    answer = plain.get("metadata", if_none_match=f'W/"other", {tag}')
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
    assert plain.get("metadata", if_none_match='W/"other"').status == 200


def test_I15_the_tag_changes_with_the_content(plain: House, house: House) -> None:
    tags = [
        plain.get("metadata").headers["ETag"],
        house.get("metadata").headers["ETag"],
        plain.get("metadata?mode=normative").headers["ETag"],
        plain.get("metadata?mode=terminology").headers["ETag"],
    ]
    assert len(set(tags)) == 4
    assert plain.get("metadata").headers["ETag"] == tags[0]


def test_I15_it_is_cut_as_any_resource(plain: House) -> None:
    summary = plain.get("metadata?_summary=true").json
    assert summary["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert validate(summary) == []
    some = plain.get("metadata?_elements=software").json
    assert {"software", "fhirVersion", "format", "status"} <= set(some)
    assert "rest" not in some


def test_I15_head_tells_what_get_does(plain: House) -> None:
    got, told = plain.get("metadata"), plain.call("HEAD", "metadata")
    assert (told.status, told.body) == (200, b"")
    assert (told.headers["ETag"], told.headers["Content-Length"]) == (
        got.headers["ETag"], str(len(got.body)),
    )  # fmt: skip


def test_I15_it_names_every_type_once(plain: House) -> None:
    named = [resource["type"] for resource in rest(plain)["resource"]]
    assert sorted(named) == sorted(r4().resources)
    assert len(named) == 146


def test_I15_it_does_not_tell_what_is_stored(house: House) -> None:
    before = house.get("metadata").body
    opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    assert house.get("metadata").body == before
