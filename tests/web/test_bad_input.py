"""Bodies that cannot be taken; nothing of them is stored.

https://hl7.org/fhir/R4/http.html#Status-Codes
"""

import json
from typing import Any

import pytest

from tests.house import CNAM, LUCIEN, House
from tests.people import patient
from tests.web.bad import ORGANIZATION, XML, Bad, bad, refused

JSON = "application/fhir+json"
IDENTIFIED = ORGANIZATION | {"identifier": [{"use": "bad", "value": "1"}]}


def nested(depth: int) -> dict[str, Any]:
    extension: dict[str, Any] = {"url": "http://a.example", "valueString": "x"}
    for _ in range(depth):
        extension = {"url": "http://a.example", "extension": [extension]}
    return ORGANIZATION | {"extension": [extension]}


def many(kind: str, count: int) -> dict[str, Any]:
    entries = [{"request": {"method": "GET", "url": "Organization"}}] * count
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


BODIES = [
    bad(
        "truncated JSON", 400, "structure", b'{"resourceType":"Organization","na', says="too early"
    ),
    bad("no JSON at all", 400, "structure", b"hello", says="1:1"),
    bad("nothing", 400, "structure", b"", content_type=JSON, says="too early"),
    bad("two values", 400, "structure", b'{"resourceType":"Organization"}{}', says="1:32"),
    bad("a comment", 400, "structure", b'{"resourceType":"Organization"/**/}', says="1:31"),
    bad("an array", 400, "structure", b"[]", says="not a JSON object"),
    bad("null", 400, "structure", b"null", says="not a JSON object"),
    bad("no type", 400, "structure", b"{}", says="`resourceType`"),
    bad("a number as type", 400, "structure", {"resourceType": 1}, says="`resourceType`"),
    bad(
        "another type",
        400,
        "invalid",
        {"resourceType": "Patient"},
        says="Patient",
        at="Patient",
    ),
    bad("a type that is none", 400, "invalid", {"resourceType": "Melon"}, says="Melon"),
    bad(
        "Latin-1",
        400,
        "structure",
        '{"resourceType":"Organization","name":"é"}'.encode("latin-1"),
        says="UTF-8",
    ),
    bad(
        "UTF-16",
        400,
        "structure",
        json.dumps(ORGANIZATION).encode("utf-16"),
        says="byte order mark",
    ),
    bad(
        "half a surrogate pair",
        400,
        "structure",
        b'{"resourceType":"Organization","name":"\\ud800"}',
        says="surrogate",
    ),
    bad("a NUL", 400, "structure", b'{"resourceType":"Organization","name":"a\0b"}', says="1:41"),
    bad(
        "an escaped NUL",
        400,
        "value",
        ORGANIZATION | {"name": "a\0b"},
        says="`a\ufffdb`",
        at="Organization.name",
    ),
    bad("NaN", 400, "structure", b'{"resourceType":"Organization","x":NaN}', says="`NaN`"),
    bad(
        "a huge number",
        400,
        "structure",
        b'{"resourceType":"Organization","x":1' + b"0" * 5000 + b"}",
        says="too long",
    ),
    bad(
        "a huge exponent",
        400,
        "structure",
        b'{"resourceType":"Organization","x":1e' + b"9" * 30 + b"}",
        says="exponent",
    ),
    bad(
        "a key twice",
        400,
        "structure",
        b'{"resourceType":"Organization","name":"a","name":"b"}',
        says="`name`",
    ),
    bad(
        "a key twice, escaped",
        400,
        "structure",
        b'{"resourceType":"Organization","name":"a","n\\u0061me":"b"}',
        says="`name`",
    ),
    bad(
        "an unknown element",
        400,
        "structure",
        ORGANIZATION | {"nom": "x"},
        says="`nom`",
        at="Organization.nom",
    ),
    bad(
        "one where many are",
        400,
        "structure",
        ORGANIZATION | {"alias": "x"},
        says="array",
        at="Organization.alias",
    ),
    bad(
        "many where one is",
        400,
        "structure",
        ORGANIZATION | {"name": ["x"]},
        says="array",
        at="Organization.name",
    ),
    bad(
        "nothing where one is",
        400,
        "required",
        {"resourceType": "Basic"},
        says="`code`",
        at="Basic.code",
        path="Basic",
    ),
    bad(
        "an empty array",
        400,
        "structure",
        ORGANIZATION | {"alias": []},
        says="empty",
        at="Organization.alias",
    ),
    bad(
        "an empty object",
        400,
        "structure",
        ORGANIZATION | {"partOf": {}},
        says="empty",
        at="Organization.partOf",
    ),
    bad(
        "an empty text",
        400,
        "value",
        ORGANIZATION | {"name": ""},
        says="``",
        at="Organization.name",
    ),
    bad(
        "null as value",
        400,
        "structure",
        ORGANIZATION | {"name": None},
        says="null",
        at="Organization.name",
    ),
    bad(
        "a text as boolean",
        400,
        "value",
        ORGANIZATION | {"active": "true"},
        says="`true`",
        at="Organization.active",
    ),
    bad(
        "a code that is none",
        400,
        "code-invalid",
        IDENTIFIED,
        says="`bad`",
        at="Organization.identifier[0].use",
    ),
    bad(
        "two choices",
        400,
        "structure",
        patient() | {"deceasedBoolean": True, "deceasedDateTime": "2020"},
        path="Patient",
        says="`deceased[x]`",
        at="Patient.deceased",
    ),
    bad(
        "a day that is none",
        400,
        "value",
        patient(birthDate="2021-02-29"),
        path="Patient",
        says="`2021-02-29`",
        at="Patient.birthDate",
    ),
    bad(
        "a script",
        400,
        "invariant",
        ORGANIZATION
        | {
            "text": {
                "status": "generated",
                "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>',
            }
        },
        says="`script`",
        at="Organization.text.div",
    ),
    bad("too deep", 400, "structure", nested(120), says="100"),
    bad(
        "much too deep",
        400,
        "structure",
        b'{"resourceType":"Organization","a":' + b"[" * 90_000,
        says="deep",
    ),
    bad(
        "20 MB",
        413,
        "too-long",
        b'{"resourceType":"Organization","name":"' + b"a" * 20_000_000 + b'"}',
        says="16777216",
    ),
    bad("too many entries", 413, "too-costly", many("batch", 1001), path="", says="1000"),
    bad(
        "too many entries of a transaction",
        413,
        "too-costly",
        many("transaction", 1001),
        path="",
        says="1000",
    ),
    bad(
        "a Bundle that asks nothing",
        400,
        "invalid",
        {"resourceType": "Bundle", "type": "document"},
        path="",
        at="Bundle.type",
    ),
    bad(
        "an INS with a wrong key",
        422,
        "value",
        patient("124018852493335"),
        path="Patient",
        says="`124018852493335`",
        at="Patient.identifier[0].value",
    ),
    bad(
        "an INS that is too short",
        422,
        "value",
        patient("12401885249333"),
        path="Patient",
        says="`12401885249333`",
    ),
    bad(
        "a reference to nothing",
        422,
        "not-found",
        ORGANIZATION | {"partOf": {"reference": "Organization/nobody"}},
        says="`Organization/nobody`",
    ),
]


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
def test_bad_input_is_refused(kept: House, case: Bad) -> None:
    refused(kept, case)


@pytest.mark.parametrize(
    "case", BODIES[:2] + [b for b in BODIES if "NUL" in b.name], ids=lambda case: case.name
)
def test_a_refusal_can_be_xml(kept: House, case: Bad) -> None:
    answer = kept.call(case.method, case.path, case.who, case.body, accept=XML, **case.headers)
    assert answer.status == case.status
    assert answer.body.startswith(b"<?xml") and b"<OperationOutcome" in answer.body


def test_every_fault_is_told_at_once(kept: House) -> None:
    body = ORGANIZATION | {"nom": "x", "active": 1, "identifier": [{"use": "bad"}]}
    issues = kept.post("Organization", CNAM, body).json["issue"]
    assert {issue["expression"][0] for issue in issues} == {
        "Organization.nom",
        "Organization.active",
        "Organization.identifier[0].use",
    }


def test_the_trail_has_every_refusal_of_somebody_known(kept: House) -> None:
    before = kept.get("AuditEvent?outcome=4&_summary=count", CNAM).json["total"]
    kept.post("Organization", LUCIEN, ORGANIZATION | {"nom": "x"})
    kept.call("POST", "Organization", LUCIEN, b"hello")
    assert kept.get("AuditEvent?outcome=4&_summary=count", CNAM).json["total"] == before + 2
