"""`_summary` and `_elements` wherever resources are answered: rows G-10, I-03, Q-23 and Q-24.

https://hl7.org/fhir/R4/http.html#parameters, https://hl7.org/fhir/R4/search.html#summary, #elements
"""

import json
from typing import Any

import pytest

from fhir_server.fhir.subset import SUBSETTED
from tests.house import BASE, INS, NINA, OTTO, House
from tests.interactions.shared import new_ins
from tests.people import opened, stored

JSON_PATCH = "application/json-patch+json"
NARRATIVE = {
    "status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">seen</div>',
}  # fmt: skip
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "text": NARRATIVE,
    "status": "final",
    "code": {"text": "weight"},
    "valueQuantity": {"value": 1, "unit": "kg"},
    "note": [{"text": "after lunch"}],
}
META = {"resourceType", "id", "meta"}
SUMMARY = META | {"status", "code", "valueQuantity"}
CUTS = {
    "_summary=true": SUMMARY,
    "_summary=text": META | {"text", "status", "code"},
    "_summary=data": META | {"status", "code", "valueQuantity", "note"},
    "_elements=note": META | {"status", "code", "note"},
}


def made(plain: House, **more: Any) -> str:
    return stored(plain.post("Observation", None, OBSERVATION | more))


def is_cut(resource: dict[str, Any], left: set[str]) -> bool:
    """Whether that is what is left of it, and it says so once."""
    return set(resource) == left and resource["meta"]["tag"] == [SUBSETTED]


@pytest.mark.parametrize(("query", "left"), CUTS.items(), ids=CUTS)
def test_I03_a_read_is_cut_and_marked(plain: House, query: str, left: set[str]) -> None:
    id_ = made(plain)
    answer = plain.get(f"Observation/{id_}?{query}")
    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"1"')
    assert is_cut(answer.json, left)


@pytest.mark.parametrize("query", ["", "?_summary=false", "?_summary=", "?_elements="])
def test_I03_a_read_of_all_is_not_marked(plain: House, query: str) -> None:
    answer = plain.get(f"Observation/{made(plain)}{query}").json
    assert "tag" not in answer["meta"]
    assert set(answer) == META | set(OBSERVATION)


def test_I03_what_is_stored_stays_whole(plain: House) -> None:
    id_ = made(plain)
    plain.get(f"Observation/{id_}?_summary=true")
    assert set(plain.get(f"Observation/{id_}").json) == META | set(OBSERVATION)


@pytest.mark.parametrize(("query", "left"), CUTS.items(), ids=CUTS)
def test_G10_a_vread_is_cut(plain: House, query: str, left: set[str]) -> None:
    assert is_cut(plain.get(f"Observation/{made(plain)}/_history/1?{query}").json, left)


@pytest.mark.parametrize(("query", "left"), CUTS.items(), ids=CUTS)
def test_G10_the_versions_of_a_history_are_cut_and_the_bundle_is_not(
    plain: House, query: str, left: set[str]
) -> None:
    id_ = made(plain)
    plain.call("DELETE", f"Observation/{id_}")
    answer = plain.get(f"Observation/{id_}/_history?{query}").json
    assert answer["total"] == 2
    assert "resource" not in answer["entry"][0]
    assert answer["entry"][1]["request"]["method"] == "POST"
    assert is_cut(answer["entry"][1]["resource"], left)
    assert "tag" not in answer["meta"]


@pytest.mark.parametrize("path", ["Observation/_history", "_history"])
@pytest.mark.parametrize(("query", "left"), CUTS.items(), ids=CUTS)
def test_G10_so_are_the_pages_of_longer_histories(
    plain: House, path: str, query: str, left: set[str]
) -> None:
    made(plain)
    id_ = made(plain)
    answer = plain.get(f"{path}?_count=1&{query}").json
    assert answer["entry"][0]["resource"]["id"] == id_
    assert is_cut(answer["entry"][0]["resource"], left)
    (following,) = (link["url"] for link in answer["link"] if link["relation"] == "next")
    (resource,) = plain.get(following.removeprefix(f"{BASE}/")).entries
    assert is_cut(resource, left)


@pytest.mark.parametrize(("query", "left"), CUTS.items(), ids=CUTS)
def test_Q23_Q24_what_a_search_finds_is_cut(plain: House, query: str, left: set[str]) -> None:
    id_ = made(plain)
    found = plain.get(f"Observation?_id={id_}&{query}").json
    posted = plain.call(
        "POST", "Observation/_search", None, f"_id={id_}&{query}".encode(),
        content_type="application/x-www-form-urlencoded",
    ).json  # fmt: skip
    for answer in (found, posted):
        assert (answer["total"], answer["entry"][0]["search"]) == (1, {"mode": "match"})
        assert is_cut(answer["entry"][0]["resource"], left)
        assert answer["link"][0]["url"] == f"{BASE}/Observation?_id={id_}&{query}"


def test_Q23_a_count_has_no_resources(plain: House) -> None:
    id_ = made(plain)
    answer = plain.get(f"Observation?_id={id_}&_summary=count").json
    assert answer["total"] == 1
    assert "entry" not in answer


@pytest.mark.parametrize(
    "path", ["Observation/{}", "Observation/{}/_history", "Observation/{}/_history/1", "metadata"]
)
def test_Q23_only_searches_are_counted(plain: House, path: str) -> None:
    answer = plain.get(f"{path.format(made(plain))}?_summary=count")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")


def test_Q23_a_write_that_asks_for_a_count_is_not_done(plain: House) -> None:
    mark = {"note": [{"text": "not stored"}], "status": "preliminary"}
    before = plain.get("Observation?status=preliminary").json["total"]
    answer = plain.call("POST", "Observation", None, OBSERVATION | mark, query="_summary=count")
    assert answer.status == 400
    assert plain.get("Observation?status=preliminary").json["total"] == before


@pytest.mark.parametrize("path", ["Observation/{}", "Observation"])
@pytest.mark.parametrize("query", ["_summary=short", "_summary=true&_elements=note"])
def test_Q23_what_makes_no_sense_is_refused(plain: House, path: str, query: str) -> None:
    answer = plain.get(f"{path.format(made(plain))}?{query}")
    assert answer.status == 400
    assert "`_summary`" in answer.diagnostics


@pytest.mark.parametrize("path", ["Observation/{0}?", "Observation?_id={0}&"])
def test_Q24_an_unknown_element_is_ignored_or_strictly_refused(plain: House, path: str) -> None:
    asked = path.format(made(plain)) + "_elements=note,nonsense"
    answer = plain.get(asked)
    found = answer.entries[0] if "entry" in answer.json else answer.json
    assert is_cut(found, META | {"status", "code", "note"})
    strict = plain.get(asked, prefer="handling=strict")
    assert (strict.status, strict.json["issue"][0]["code"]) == (400, "not-supported")
    assert "`nonsense`" in strict.diagnostics


def test_Q24_elements_may_be_named_with_their_type(plain: House) -> None:
    found = plain.get(f"Observation/{made(plain)}?_elements=Observation.note,Patient.name").json
    assert is_cut(found, META | {"status", "code", "note"})


@pytest.mark.parametrize(("query", "left"), CUTS.items(), ids=CUTS)
def test_G10_the_representation_of_a_write_is_cut(
    plain: House, query: str, left: set[str]
) -> None:
    created = plain.call("POST", "Observation", None, OBSERVATION, query=query)
    assert created.status == 201 and is_cut(created.json, left)
    id_ = created.id
    body = OBSERVATION | {"id": id_}
    updated = plain.call("PUT", f"Observation/{id_}", None, body, query=query)
    assert updated.status == 200 and is_cut(updated.json, left)
    change = json.dumps([{"op": "replace", "path": "/code/text", "value": "y"}]).encode()
    patched = plain.call(
        "PATCH", f"Observation/{id_}", None, change, query=query, content_type=JSON_PATCH
    )
    assert patched.status == 200 and is_cut(patched.json, left)
    assert set(plain.get(f"Observation/{id_}").json) == META | set(OBSERVATION)


def test_G10_what_a_write_prefers_to_tell_is_not_cut(plain: House) -> None:
    query = "_elements=note"
    told = plain.call(
        "POST", "Observation", None, OBSERVATION, query=query, prefer="return=OperationOutcome"
    ).json
    assert (told["resourceType"], "meta" in told) == ("OperationOutcome", False)
    silent = plain.call(
        "POST", "Observation", None, OBSERVATION, query=query, prefer="return=minimal"
    )
    assert (silent.status, silent.body) == (201, b"")


@pytest.mark.parametrize(("query", "left"), CUTS.items(), ids=CUTS)
def test_G10_so_is_that_of_a_conditional_write(
    plain: House, query: str, left: set[str]
) -> None:
    condition = f"_id={made(plain)}"
    known = plain.post("Observation", None, OBSERVATION, query=query, if_none_exist=condition)
    body = OBSERVATION | {"note": [{"text": query}]}
    put = plain.call("PUT", "Observation", None, body, query=f"{condition}&{query}")
    for answer in (known, put):
        assert answer.status == 200 and is_cut(answer.json, left), answer.body


@pytest.mark.parametrize(("query", "left"), CUTS.items(), ids=CUTS)
def test_G10_everything_of_a_patient_is_cut(plain: House, query: str, left: set[str]) -> None:
    patient = stored(plain.post("Patient", None, {"resourceType": "Patient", "active": True}))
    made(plain, subject={"reference": f"Patient/{patient}"})
    answer = plain.get(f"Patient/{patient}/$everything?{query}")
    kinds = {resource["resourceType"]: resource for resource in answer.entries}
    subject = {"subject"} if query in ("_summary=true", "_summary=data") else set()
    assert is_cut(kinds["Observation"], left | subject)
    assert is_cut(kinds["Patient"], META | ({"active"} if query != "_summary=text" else set()))


@pytest.mark.parametrize("path", ["Observation/{}/$meta", "Observation/{}/$validate"])
def test_G10_what_an_operation_tells_is_not_cut(plain: House, path: str) -> None:
    answer = plain.get(path.format(made(plain)) + "?_elements=note")
    assert answer.json["resourceType"] in ("Parameters", "OperationOutcome")
    assert b"SUBSETTED" not in answer.body


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize(("query", "left"), CUTS.items(), ids=CUTS)
def test_G10_each_entry_of_a_bundle_is_cut_as_its_own_url_says(
    plain: House, kind: str, query: str, left: set[str]
) -> None:
    id_ = made(plain)
    urls = [f"Observation/{id_}?{query}", f"Observation/{id_}", f"Observation?_id={id_}&{query}"]
    entry = [{"request": {"method": "GET", "url": url}} for url in urls]
    answer = plain.post("", None, {"resourceType": "Bundle", "type": kind, "entry": entry})
    cut, whole, searched = answer.entries
    assert is_cut(cut, left)
    assert set(whole) == META | set(OBSERVATION)
    assert is_cut(searched["entry"][0]["resource"], left)


def test_G10_a_bundle_of_requests_is_cut_as_a_whole(plain: House) -> None:
    entry = [
        {"request": {"method": "POST", "url": "Observation"}, "resource": OBSERVATION},
        {"request": {"method": "GET", "url": f"Observation/{made(plain)}"}},
    ]
    answer = plain.call(
        "POST", "", None, {"resourceType": "Bundle", "type": "transaction", "entry": entry},
        query="_summary=true", prefer="return=representation",
    )  # fmt: skip
    assert answer.status == 200
    assert [is_cut(resource, SUMMARY) for resource in answer.entries] == [True, True]
    assert answer.json["entry"][0]["response"]["status"] == "201 Created"


def test_G10_a_refused_entry_keeps_its_outcome(plain: House) -> None:
    entry = [{"request": {"method": "GET", "url": "Observation/nobody"}}]
    answer = plain.call(
        "POST", "", None, {"resourceType": "Bundle", "type": "batch", "entry": entry},
        query="_summary=true",
    ).json  # fmt: skip
    assert answer["entry"][0]["response"]["outcome"]["issue"][0]["code"] == "not-found"


@pytest.mark.parametrize("kind", ["collection", "searchset"])
def test_G10_a_stored_bundle_is_cut_itself(plain: House, kind: str) -> None:
    entry = [{"resource": OBSERVATION, "fullUrl": "http://a.example/Observation/1"}]
    id_ = stored(plain.post("Bundle", None, {"resourceType": "Bundle", "type": kind,
                                             "entry": entry}))  # fmt: skip
    assert is_cut(plain.get(f"Bundle/{id_}?_summary=text").json, META | {"type"})
    summary = plain.get(f"Bundle/{id_}?_summary=true").json
    assert is_cut(summary, META | {"type", "entry"})
    assert set(summary["entry"][0]["resource"]) == SUMMARY - {"id"}


def test_G10_bytes_are_not_cut(plain: House) -> None:
    id_ = stored(plain.call("POST", "Binary", None, b"%PDF", content_type="application/pdf"))
    answer = plain.get(f"Binary/{id_}?_summary=true")
    assert (answer.body, answer.headers["Content-Type"]) == (b"%PDF", "application/pdf")
    resource = plain.get(f"Binary/{id_}?_summary=true", accept="application/fhir+json").json
    assert is_cut(resource, META | {"contentType"})


def test_G10_what_is_cut_can_be_pretty_or_xml(plain: House) -> None:
    path = f"Observation/{made(plain)}?_elements=note"
    pretty = plain.get(f"{path}&_pretty=true")
    assert b'\n  "note": [' in pretty.body
    assert is_cut(pretty.json, META | {"status", "code", "note"})
    xml = plain.get(path, accept="application/fhir+xml").body
    assert b"<note>" in xml and b"SUBSETTED" in xml and b"valueQuantity" not in xml


def test_G10_numbers_keep_their_spelling(plain: House) -> None:
    id_ = stored(
        plain.call("POST", "Observation", None, json.dumps(OBSERVATION).replace(
            '"value": 1', '"value": 1.00').encode())
    )  # fmt: skip
    assert b'"value":1.00' in plain.get(f"Observation/{id_}?_summary=true").body


def test_I02_a_known_version_is_known_in_part_too(plain: House) -> None:
    path = f"Observation/{made(plain)}?_summary=true"
    assert plain.get(path, if_none_match='W/"1"').status == 304


def test_I03_a_refusal_is_whole(plain: House) -> None:
    answer = plain.get("Observation/nobody?_summary=true")
    assert (answer.status, answer.json["issue"][0]["code"]) == (404, "not-found")


def test_I03_a_mark_that_was_sent_is_not_doubled(plain: House) -> None:
    id_ = made(plain, meta={"tag": [SUBSETTED]})
    assert is_cut(plain.get(f"Observation/{id_}?_summary=true").json, SUMMARY)


def test_I05_what_is_marked_as_a_part_does_not_overwrite_the_whole(plain: House) -> None:
    id_ = made(plain)
    part = plain.get(f"Observation/{id_}?_summary=true").json
    answer = plain.call("PUT", f"Observation/{id_}", None, part)
    assert (answer.status, answer.json["issue"][0]["code"]) == (422, "business-rule")
    assert answer.json["issue"][0]["expression"] == ["Observation.meta.tag"]
    assert set(plain.get(f"Observation/{id_}").json) == META | set(OBSERVATION)


def test_I05_what_is_marked_as_a_part_may_be_all_there_is(plain: House) -> None:
    part = OBSERVATION | {"id": "only-a-part", "meta": {"tag": [SUBSETTED]}}
    assert plain.call("PUT", "Observation/only-a-part", None, part).status == 201


def test_elements_show_nothing_that_the_whole_would_not(house: House) -> None:
    patient_id = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    least = house.get(f"Patient/{patient_id}", OTTO).json
    assert "birthDate" not in least
    for query in ("_elements=birthDate,name", "_summary=true", "_summary=data"):
        answer = house.get(f"Patient/{patient_id}?{query}", OTTO).json
        assert set(answer) <= set(least)
        assert answer["meta"]["tag"] == [SUBSETTED]
    assert "birthDate" in house.get(f"Patient/{patient_id}?_elements=birthDate", NINA).json


def test_what_is_hidden_is_as_if_it_were_not_there_in_part_too(house: House) -> None:
    patient_id = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    hidden = stored(
        house.post("Observation", NINA, OBSERVATION | {"subject": {
            "reference": f"Patient/{patient_id}"}})
    )  # fmt: skip
    assert house.get(f"Observation/{hidden}?_summary=true", NINA).status == 200
    for query in CUTS:
        told = house.get(f"Observation/{hidden}?{query}", OTTO)
        absent = house.get(f"Observation/nobody?{query}", OTTO)
        assert (told.status, told.body) == (
            absent.status, absent.body.replace(b"nobody", hidden.encode())
        )  # fmt: skip
