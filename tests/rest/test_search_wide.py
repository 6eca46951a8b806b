"""Parameters that all types have, chains, includes, several types, and forms: rows Q-09, Q-14,
Q-18 to Q-20, Q-26 and Q-27.

https://hl7.org/fhir/R4/search.html#all, https://hl7.org/fhir/R4/http.html#vsearch
"""

from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VISIBILITY
from tests.house import ANNE, BASE, INS, NINA, OTTO, House
from tests.interactions.shared import new_ins
from tests.people import opened, stored
from tests.rest.searches import CODES, Place, addresses, coded, ignored, new, used

# What all types have.


@pytest.mark.parametrize(("value", "number"), [
    ("{id}", 1), ("{id},nobody", 1), ("nobody", 0), ("|{id}", 0), ("Observation/{id}", 0),
    (f"{BASE}/Observation/{{id}}", 0), ("{upper}", 0), ("{start}", 0),
])  # fmt: skip
def test_Q09_an_id_is_compared_whole_and_has_no_system(
    place: Place, value: str, number: int
) -> None:
    address = place.make()
    id_ = address.split("/")[1]
    value = value.format(id=id_, upper=id_.upper(), start=id_[:-1])
    assert addresses(place.get(f"Observation?_id={value}")) == [address] * number
    found = addresses(place.get(f"Observation?_id:not={value}&_id={id_}"))
    assert found == [address] * (1 - number)


SOURCE, PROFILE = "http://a.example/source", "http://a.example/StructureDefinition/p"
SENSITIVE = "http://a.example/sensitivity"


@pytest.mark.parametrize(("query", "number"), [
    (f"_tag={CODES}|t", 1), ("_tag=t", 1), ("_tag=|t", 0), (f"_tag={CODES}|", 1), ("_tag=u", 0),
    ("_tag:not=t", 0), (f"_security={SENSITIVE}|s", 1), ("_security=s,z", 1), ("_security=t", 0),
    (f"_profile={PROFILE}", 1), (f"_profile={PROFILE}/more", 0), ("_source:missing=false", 1),
    (f"_source={SOURCE}", 1), (f"_source={SOURCE.upper()}", 0), ("_tag:missing=true", 0),
    ("_lastUpdated=gt2020", 1), ("_lastUpdated=lt2020", 0), ("_lastUpdated=ge2026-11&_tag=t", 1),
])  # fmt: skip
def test_Q09_every_type_is_found_by_its_metadata(place: Place, query: str, number: int) -> None:
    code = new()
    meta = {"tag": [{"system": CODES, "code": "t"}], "profile": [PROFILE], "source": SOURCE,
            "security": [{"system": SENSITIVE, "code": "s"}]}  # fmt: skip
    made = place.make(code=coded(code), meta=meta)
    for path in ("Observation?", "?_type=Observation&", "?_type=Observation,Condition&"):
        assert addresses(place.get(f"{path}code={code}&{query}")) == [made] * number


@pytest.mark.parametrize(("value", "number"), [
    ("{id}", 1), ("Patient/{id}", 1), (f"{BASE}/Patient/{{id}}", 1), ("Group/{id}", 0),
    ("http://elsewhere.example/Patient/{id}", 0),
])  # fmt: skip
def test_Q14_a_reference_is_named_in_each_way(place: Place, value: str, number: int) -> None:
    code = new()
    made = place.some(1, code)
    value = value.format(id=place.patient)
    assert addresses(place.get(f"Observation?code={code}&subject={value}")) == made * number
    named = addresses(place.get(f"Observation?code={code}&subject:Patient={place.patient}"))
    assert named == made


# Chains.


def chain_of(place: Place, length: int, code: str) -> list[str]:
    """Observations, each with the one before as its member; the first has the code."""
    made = [place.make(code=coded(code))]
    for _ in range(length):
        made.append(place.make(hasMember=[{"reference": made[-1]}]))
    return made


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_Q18_a_chain_has_any_length_up_to_the_bound(place: Place, length: int) -> None:
    code = new()
    made = chain_of(place, length, code)
    name = "has-member:Observation." * length + "code"
    assert addresses(place.get(f"Observation?{name}={code}")) == [made[length]]
    assert addresses(place.get(f"Observation?{name}={new()}")) == []
    back = "_has:Observation:has-member:" * length + "_id"
    last = made[length].split("/")[1]
    assert addresses(place.get(f"Observation?{back}={last}")) == [made[0]]


def test_Q18_a_chain_beyond_the_bound_is_refused(place: Place) -> None:
    answer = place.get(f"Observation?{'has-member:Observation.' * 5}code=x")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "too-costly")


def test_Q18_a_chain_leads_through_what_its_caller_sees(house: House) -> None:
    ins = [{"system": INS, "value": new_ins()}]
    patient = opened(house, NINA, ANNE, identifier=ins)
    place = Place(house, NINA, ANNE, patient)

    def deposited(code: str, *labels: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "resourceType": "DocumentReference", "status": "current", "type": coded(code),
            "masterIdentifier": {"system": "urn:ietf:rfc:3986",
                                 "value": f"urn:oid:2.25.{new()[1:-1]}55"},
            "subject": {"reference": f"Patient/{patient}"},
            "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}],
        }  # fmt: skip
        if labels:
            body["securityLabel"] = [{"coding": [{"system": VISIBILITY, "code": labels[0]}]}]
        id_ = stored(house.post("DocumentReference", ANNE, body))
        return {"reference": f"DocumentReference/{id_}"}

    shown, hidden = new(), new()
    seen = place.make(derivedFrom=[deposited(shown)])
    place.make(derivedFrom=[deposited(hidden, MASKED)])
    ways = ("derived-from:DocumentReference.type",
            "subject:Patient._has:DocumentReference:patient:type")  # fmt: skip
    assert addresses(place.get(f"Observation?{ways[0]}={shown}")) == [seen]
    assert len(addresses(place.get(f"Observation?{ways[1]}={shown}"))) == 2
    for way in ways:
        assert addresses(place.get(f"Observation?{way}={hidden}")) == []
        stranger = house.get(f"Observation?{way}={shown}", OTTO)
        assert (stranger.status, stranger.json["total"]) == (200, 0)


# Includes, sorts.


def test_Q19_an_include_is_there_once_and_not_counted(place: Place) -> None:
    code = new()
    made = place.some(3, code)
    query = f"Observation?code={code}&_include=Observation:subject&_include=*&_count=2"
    answer = place.get(query)
    assert (answer.json["total"], len(addresses(answer))) == (3, 2)
    assert addresses(answer, "include") == [f"Patient/{place.patient}"]
    assert set(addresses(answer)) < set(made)


def test_Q20_keys_are_sorted_by_in_their_order(place: Place) -> None:
    code = new()
    made = {
        name: place.make(code=coded(code), effectiveDateTime=day, valueString=word)
        for name, day, word in (("a", "2026-01-01", "x"), ("b", "2026-01-01", "y"),
                                ("c", "2025-01-01", "z"))  # fmt: skip
    }
    missing = place.make(code=coded(code))
    for sort, order in (("date,value-string", "cab"), ("-date,value-string", "abc"),
                        ("date,-value-string", "cba"), ("-value-string", "cba")):  # fmt: skip
        found = addresses(place.get(f"Observation?code={code}&_sort={sort}"))
        assert found == [*(made[name] for name in order), missing], sort


# Several types.


@pytest.mark.parametrize("path", ["", "Patient/{patient}/*"])
@pytest.mark.parametrize(("query", "name"), [
    ("_type=Observation,Condition&value-string=x", "value-string"),
    ("_type=Observation,Condition&clinical-status=x", "clinical-status"),
    ("_type=Observation,Condition&subject:Patient.name=x&has-member:missing=true", "has-member"),
    ("value-string=x", "value-string"),
])  # fmt: skip
@pytest.mark.parametrize("prefer", ["", "handling=lenient", "handling=strict"])
def test_Q26_a_parameter_that_a_type_lacks_is_refused(
    place: Place, path: str, query: str, name: str, prefer: str
) -> None:
    answer = place.get(f"{path.format(patient=place.patient)}?{query}", prefer=prefer)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")
    assert f"`{name}" in answer.diagnostics


@pytest.mark.parametrize("path", ["", "Patient/{patient}/*"])
def test_Q26_a_parameter_that_all_have_is_asked_of_all(place: Place, path: str) -> None:
    code = new()
    (observation,) = place.some(1, code)
    condition = place.make("Condition", code=coded(code),
                           subject={"reference": f"Patient/{place.patient}"})  # fmt: skip
    path = path.format(patient=place.patient)
    answer = place.get(f"{path}?_type=Observation,Condition&code={CODES}|{code}&nonsense=x")
    assert addresses(answer) == [condition, observation]
    assert used(answer) == f"_type=Observation,Condition&code={CODES}|{code}"
    assert [text.split()[0] for text in ignored(answer)] == ["`nonsense`"]


# Forms.


@pytest.mark.parametrize("path", ["Observation/_search", "_search",
                                  "Patient/{patient}/Observation/_search"])  # fmt: skip
def test_Q27_address_and_form_are_one_question(place: Place, path: str) -> None:
    a, b = new(), new()
    both = place.make(code={"coding": coded(a)["coding"] + coded(b)["coding"]})
    place.some(1, a), place.some(1, b)
    path = path.format(patient=place.patient)
    rest = "_type=Observation" if path == "_search" else "status=final"
    for url, form in ((f"code={a}", f"code={b}"), (f"code={a}&code={b}", ""),
                      ("", f"code={b}&code={a}"), (f"code={b}", f"code={a}")):  # fmt: skip
        answer = place.post(path, f"{form}&{rest}".removeprefix("&"), url)
        assert addresses(answer) == [both], (url, form)


def test_Q27_a_form_answers_as_an_address_does(place: Place) -> None:
    code = new()
    place.some(3, code)
    query = f"code={code}&_sort=_id&_count=2&nonsense=x"
    got, posted = place.get(f"Observation?{query}"), place.post("Observation/_search", query)
    unlike = ("id", "meta")
    assert [{k: v for k, v in a.json.items() if k not in unlike} for a in (got, posted)][0] == {
        k: v for k, v in posted.json.items() if k not in unlike
    }


def test_Q27_the_order_of_sort_keys_alone_says_something(place: Place) -> None:
    code = new()
    for day, word in (("2026-01-01", "b"), ("2026-01-02", "a")):
        place.make(code=coded(code), effectiveDateTime=day, valueString=word)
    one = addresses(place.post("Observation/_search", f"_sort=date&code={code}", "_sort=-_id"))
    other = addresses(place.post("Observation/_search", f"code={code}", "_sort=-_id&_sort=date"))
    assert one == other
    first = addresses(place.post("Observation/_search", "_sort=value-string", f"code={code}"))
    assert first == addresses(place.get(f"Observation?code={code}&_sort=-date"))
