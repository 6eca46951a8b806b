"""A literal reference is understood in whatever spelling, or refused: at every door, at each place.

https://hl7.org/fhir/R4/references.html#literal
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.house import BASE, Answer, House
from tests.interactions.test_transaction import entry, observation, sent, statuses
from tests.people import stored
from tests.rest.patches import FORMS, patch_entry, patched

UNDERSTOOD = [
    "/Patient/{}", "Patient/{}/", "Patient/{}#x", "patient/{}", "./Patient/{}", "Patient//{}",
    "Patient%2F{}", "Patient/{}?", "/fhir/Patient/{}", BASE + "/Patient/{}/", BASE + "//patient/{}",
    "HTTP://127.0.0.1:8080/fhir/Patient/{}", "https://127.0.0.1:8080/fhir/Patient/{}",
]  # fmt: skip
REFUSED = [
    "1", "../Patient/1", "just text", "Patient", " Patient/1", "nothing/1", "Nothing/1",
    "Patient/none", "patient/none/", "Patient:1",
    "urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-3f4d2c1b0aff", "urn:oid:1.2.3",
    BASE, "mailto:someone@elsewhere.example", "Patient/1/2",
]  # fmt: skip
Door = Callable[[House, str], Answer]


def _posted(plain: House, text: str) -> Answer:
    return plain.post("Observation", None, observation(text))


def _put(plain: House, text: str) -> Answer:
    return plain.call("PUT", "Observation/spelled", None, observation(text, id="spelled"))


def _inside(plain: House, text: str) -> Answer:
    inner = observation(text, id="inner")
    more = {"contained": [inner], "hasMember": [{"reference": "#inner"}]}
    body: dict[str, Any] = observation("", **more)
    del body["subject"]
    return plain.post("Observation", None, body)


def _extension(plain: House, text: str) -> Answer:
    value = {"url": "http://elsewhere.example/x", "valueReference": {"reference": text}}
    body: dict[str, Any] = observation("", extension=[value])
    del body["subject"]
    return plain.post("Observation", None, body)


def _security_context(plain: House, text: str) -> Answer:
    headers = {"content_type": "text/plain", "x_security_context": text}
    return plain.call("POST", "Binary", None, b"hello", **headers)


def _provenance(plain: House, text: str) -> Answer:
    made = {
        "resourceType": "Provenance", "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"who": {"reference": text}}],
    }  # fmt: skip
    provenance = json.dumps(made)
    return plain.post("Observation", None, observation("Patient/spelled"), x_provenance=provenance)


def _patched(form: str) -> Door:
    def door(plain: House, text: str) -> Answer:
        id_ = stored(plain.post("Observation", None, observation("Patient/spelled")))
        change = ("replace", "Observation.subject.reference", text)
        return patched(plain, f"Observation/{id_}", form, change)

    return door


def _bundled(kind: str, form: str = "") -> Door:
    def door(plain: House, text: str) -> Answer:
        one = entry("POST", "Observation", observation(text))
        if form:
            id_ = stored(plain.post("Observation", None, observation("Patient/spelled")))
            change = ("replace", "Observation.subject.reference", text)
            one = patch_entry(f"Observation/{id_}", form, change)
        answer = sent(plain, kind, one)
        if kind == "transaction":
            return answer
        response = answer.json["entry"][0]["response"]
        return Answer(int(statuses(answer)[0]), {}, str(response.get("outcome", "")).encode())

    return door


DOORS: dict[str, Door] = {
    "POST": _posted, "PUT": _put, "contained": _inside, "extension": _extension,
    "X-Security-Context": _security_context, "X-Provenance": _provenance,
    "transaction": _bundled("transaction"), "batch": _bundled("batch"),
} | {
    f"PATCH {form}": _patched(form) for form in FORMS
} | {
    f"{kind} PATCH {form}": _bundled(kind, form)
    for kind in ("batch", "transaction")
    for form in FORMS
}  # fmt: skip
each_door = pytest.mark.parametrize("door", DOORS)


def spelled(plain: House) -> str:
    """The id of a Patient that is there for all tests."""
    plain.call("PUT", "Patient/spelled", None, {"resourceType": "Patient", "id": "spelled"})
    return "spelled"


@each_door
def test_what_leads_to_a_resource_in_an_odd_spelling_is_taken(plain: House, door: str) -> None:
    id_ = spelled(plain)
    for text in UNDERSTOOD:
        answer = DOORS[door](plain, text.format(id_))
        assert answer.status in (200, 201), (text, answer.body)
    for text in ("Patient/none#x", "/Patient/none", "patient/none"):
        assert DOORS[door](plain, text).status == 422, text


@each_door
def test_what_leads_nowhere_is_refused(plain: House, door: str) -> None:
    spelled(plain)
    for text in REFUSED:
        answer = DOORS[door](plain, text)
        assert answer.status in (422, 400 if door.startswith("X-") else 422), (text, answer.body)


def test_what_is_refused_is_named_with_its_place(plain: House) -> None:
    for text, code in (("just text", "value"), ("Patient/none/", "not-found")):
        [issue] = _posted(plain, text).json["issue"]
        assert (issue["code"], issue["expression"]) == (code, ["Observation.subject.reference"])
        assert f"`{text}`" in issue["diagnostics"]


def test_an_odd_spelling_stays_and_is_found_like_the_usual_one(plain: House) -> None:
    id_ = stored(plain.post("Patient", None, {"resourceType": "Patient"}))
    for text in UNDERSTOOD:
        made = stored(plain.post("Observation", None, observation(text.format(id_))))
        kept = plain.get(f"Observation/{made}").json["subject"]["reference"]
        # An address of this server may change: it is kept relative.
        assert kept == (f"Patient/{id_}" if "://" in text else text.format(id_))
    for query in (f"subject=Patient/{id_}", f"patient={id_}", f"subject=/patient/{id_}/"):
        assert plain.get(f"Observation?_total=accurate&{query}").json["total"] == len(UNDERSTOOD)
    everything = plain.get(f"Patient/{id_}/$everything").json["total"]
    assert everything == len(UNDERSTOOD) + 1
    assert plain.call("DELETE", f"Patient/{id_}").status == 409


def test_an_odd_spelling_of_another_type_is_of_another_type(plain: House) -> None:
    practitioner = {"resourceType": "Practitioner", "id": "spelled"}
    plain.call("PUT", "Practitioner/spelled", None, practitioner)
    for text in ("Practitioner/spelled", "practitioner/spelled", "/Practitioner/spelled/"):
        assert _posted(plain, text).status == 400


def test_a_reference_and_the_identifier_of_another_are_refused(plain: House) -> None:
    """Also without the policy; what the one it leads to is not called, it may be called here."""
    named = [{"system": "http://a.example", "value": "1"}]
    id_ = stored(plain.post("Patient", None, {"resourceType": "Patient", "identifier": named}))
    for system, value, status in (
        ("http://a.example", "1", 201), ("http://a.example", "2", 422),
        ("http://b.example", "2", 201),
    ):  # fmt: skip
        both = {
            "reference": f"Patient/{id_}", "identifier": {"system": system, "value": value},
        }  # fmt: skip
        answer = plain.post("Observation", None, observation("") | {"subject": both})
        assert answer.status == status, answer.body
        if status == 422:
            assert answer.json["issue"][0]["expression"] == ["Observation.subject"]


def test_without_the_policy_a_logical_subject_is_in_no_record_for_every_door(plain: House) -> None:
    ins = {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "185047512500024"}
    body = {"resourceType": "Patient", "identifier": [ins]}
    id_ = stored(plain.post("Patient", None, body))
    made = stored(
        plain.post("Observation", None, observation("") | {"subject": {"identifier": ins}})
    )
    assert plain.get(f"Observation/{made}").json["subject"] == {"identifier": ins}
    name = f"{ins['system']}|{ins['value']}"
    for path in (
        f"Observation?patient={id_}", f"Observation?subject=Patient/{id_}",
        f"Observation?patient.identifier={name}", f"Patient/{id_}/Observation",
        f"Patient/{id_}/$everything?_type=Observation",
    ):  # fmt: skip
        found = [one["id"] for one in plain.get(path).entries if one["id"] == made]
        assert found == [], path
