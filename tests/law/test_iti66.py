"""ITI-66 with what submission sets lead to: `_include` of List's references, for who may see it.

IHE MHD ITI-66; R4 3.1.1.5.6; `contract.md` section 6
"""

from typing import Any

import pytest

from fhir_server.policy.labels import MASKED
from tests.house import ANNE, CNAM, INS, NINA, OTTO, PAUL, PS, Person
from tests.people import stored
from tests.policy.record import Record, document

LIST_TYPES = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"
URN = "urn:uuid:00000000-0000-4000-8000-00000000000"


def subjects(record: Record) -> dict[str, dict[str, Any]]:
    """The forms in which the guide's samples name the patient."""
    literal = {"reference": f"Patient/{record.id}"}
    return {
        "literal": literal,
        "by search": {"reference": f"Patient?identifier={record.holder.sub}"},
        "both": literal | {"identifier": {"system": INS, "value": record.holder.sub[-15:]}},
    }


def submitted(record: Record, subject: dict[str, Any], *flags: str) -> None:
    """ITI-65: a submission set by a stored Practitioner, and its document."""
    system, value = ANNE.sub.split("|")
    body = {"resourceType": "Practitioner", "identifier": [{"system": system, "value": value}]}
    author = stored(record.house.post("Practitioner", CNAM, body))
    made = document(record.id, *flags, subject=subject)
    attachment = made["content"][0]["attachment"]
    data, attachment["url"] = attachment.pop("data"), f"{URN}3"
    resources = [
        {
            "resourceType": "List", "status": "current", "mode": "working", "subject": subject,
            "code": {"coding": [{"system": LIST_TYPES, "code": "submissionset"}]},
            "source": {"reference": f"Practitioner/{author}"}, "date": "2026-11-24T11:00:00Z",
            "entry": [{"item": {"reference": f"{URN}2"}}],
        },
        made,
        {"resourceType": "Binary", "contentType": "text/plain", "data": data},
    ]  # fmt: skip
    entries = [
        {"fullUrl": f"{URN}{n}", "resource": resource,
         "request": {"method": "POST", "url": resource["resourceType"]}}
        for n, resource in enumerate(resources, 1)
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = record.house.post("", ANNE, bundle)
    assert answer.status == 200, answer.body


def found(record: Record, who: Person, *includes: str) -> list[tuple[str, str]]:
    """Types and modes of an ITI-66 answer."""
    pairs = [
        ("patient.identifier", record.holder.sub), ("code", f"{LIST_TYPES}|submissionset"),
        ("status", "current"), *(("_include", include) for include in includes),
    ]  # fmt: skip
    answer = record.house.call("GET", "List", who, query=pairs)
    assert answer.status == 200, answer.body
    entries = answer.json.get("entry", [])
    return [(one["resource"]["resourceType"], one["search"]["mode"]) for one in entries]


LEADS = {
    "List:item": ["DocumentReference"], "List:item:DocumentReference": ["DocumentReference"],
    "List:subject": ["Patient"], "List:patient": ["Patient"], "List:source": ["Practitioner"],
    "*": ["DocumentReference", "Patient", "Practitioner"],
}  # fmt: skip


@pytest.mark.parametrize("form", ["literal", "by search", "both"])
@pytest.mark.parametrize("include", LEADS)
def test_ITI66_includes_what_a_submission_set_leads_to(
    record: Record, form: str, include: str
) -> None:
    submitted(record, subjects(record)[form])
    for who in (NINA, PAUL, record.holder):
        match, *more = found(record, who, include)
        assert match == ("List", "match")
        assert sorted(more) == [(type_, "include") for type_ in LEADS[include]]


def test_ITI66_includes_nothing_hidden(record: Record) -> None:
    submitted(record, subjects(record)["literal"])
    submitted(record, subjects(record)["literal"], MASKED)
    alone = [("List", "match"), ("DocumentReference", "include")]
    both = [("List", "match")] * 2 + [("DocumentReference", "include")] * 2
    assert found(record, NINA, "List:item") == alone
    assert found(record, PAUL, "List:item") == both
    stranger = Person("professional", f"{PS}|810000000199", "Dr Personne")
    for who in (OTTO, stranger):
        query = f"patient={record.id}&_include=List:item"
        assert record.house.get(f"List?{query}", who).status == 403
