"""TD3.3a to d as the DMP guide writes them: conditional PATCH by the document's identifier.

`contract.md` section 7, "PATCH as the guide writes it", "PATCH of the archive"; `domain.md` 4.6
"""

import json
from base64 import b64encode
from itertools import count
from typing import Any

import pytest

from fhir_server.fhir import json_format, xml_format
from fhir_server.policy.labels import ARCHIVED, MASKED, SECRET, VEILED, VISIBILITY
from tests.house import ANNE, NINA, OTTO, PAUL, Answer, Person
from tests.policy.record import LEVELS, Record, labelled
from tests.rest.patches import FHIR_JSON, FHIR_XML, FORMS, JSON_PATCH, XML_PATCH, each_form

NUMBERS = count(1)
INDIRECT = ANNE.but(auth_mode="INDIRECTE")
SYSTEM = "urn:ietf:rfc:3986"
TRE_A07 = {code: (VISIBILITY, code) for code in (MASKED, VEILED, SECRET, "MASQUE_PSOCIAL")}
LEVEL = {code: (LEVELS, code) for code in "NRV"}
DISPLAY = "Masqué aux professionnels de santé"


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": DISPLAY}]}


def label_body(form: str, system: str, code: str) -> bytes:
    """The guide's replacement of the first label, in each form of a patch."""
    if form == JSON_PATCH:
        value = concept(system, code)
        return json.dumps([{"op": "replace", "path": "/securityLabel/0", "value": value}]).encode()
    if form == XML_PATCH:
        coding = f'<coding><system value="{system}"/><code value="{code}"/></coding>'
        new = f"<securityLabel>{coding}</securityLabel>"
        return (
            f'<diff><replace sel="DocumentReference/securityLabel[1]">{new}</replace></diff>'
        ).encode()
    return parameters(
        form, "DocumentReference.securityLabel[0]", valueCodeableConcept=concept(system, code)
    )


def archive_body(form: str, value: bool) -> bytes:
    """The guide's replacement of isArchived, in each form of a patch."""
    if form == JSON_PATCH:
        path = f"/extension[url:'{ARCHIVED}']/valueBoolean"
        return json.dumps([{"op": "replace", "path": path, "value": value}]).encode()
    if form == XML_PATCH:
        sel = f"DocumentReference/extension[@url='{ARCHIVED}']/valueBoolean/@value"
        return f'<diff><replace sel="{sel}">{str(value).lower()}</replace></diff>'.encode()
    path = f"DocumentReference.extension.where(url='{ARCHIVED}').value"
    return parameters(form, path, valueBoolean=value)


def parameters(form: str, path: str, **value: Any) -> bytes:
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": path},
        {"name": "value"} | value,
    ]
    body = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    return xml_format.write(body) if form == FHIR_XML else json_format.write(body)


class Filed:
    """A document with a uniqueId, and what is asked of it by that."""

    def __init__(self, record: Record, *flags: str, level: str = "N", **more: Any) -> None:
        self.record = record
        self.unique = f"urn:oid:1.2.250.1.999.{int(record.id[:8], 36)}.{next(NUMBERS)}"
        master = {"system": SYSTEM, "value": self.unique}
        more = {"securityLabel": labelled(*flags, level=level), "masterIdentifier": master} | more
        self.id = record.deposited(more.pop("author", ANNE), **more)

    @property
    def condition(self) -> str:
        return f"identifier={SYSTEM}|{self.unique}"

    def patch(self, who: Person, form: str, body: bytes) -> Answer:
        house, query = self.record.house, self.condition
        return house.call("PATCH", "DocumentReference", who, body, query=query, content_type=form)

    def labels(self, who: Person = ANNE) -> list[str]:
        found = self.record.read(who, self.id).json["securityLabel"]
        return [coding["code"] for label in found for coding in label["coding"]]

    def version(self) -> str:
        found: str = self.record.read(ANNE, self.id).json["meta"]["versionId"]
        return found


# before → who sends what → status, after. N, R and V are levels, the others flags.
MEANINGS = [
    ("N", PAUL, MASKED, 200, f"N {MASKED}"),
    ("N", NINA, MASKED, 200, f"N {MASKED}"),
    ("R", PAUL, MASKED, 200, f"R {MASKED}"),
    ("N", ANNE, SECRET, 200, f"N {SECRET}"),
    (f"N {VEILED}", ANNE, MASKED, 200, f"N {VEILED} {MASKED}"),
    (f"N {MASKED}", ANNE, MASKED, 200, f"N {MASKED}"),
    ("N", ANNE, VEILED, 422, "N"),
    ("N", ANNE, "MASQUE_PSOCIAL", 422, "N"),
    ("N", NINA, SECRET, 403, "N"),
    ("N", OTTO, MASKED, 404, "N"),
    (f"N {MASKED}", PAUL, "N", 200, "N"),
    (f"N {MASKED}", ANNE, "N", 200, "N"),
    (f"N {MASKED}", NINA, "N", 404, f"N {MASKED}"),
    (f"N {VEILED}", ANNE, "N", 200, "N"),
    (f"N {MASKED} {VEILED} {SECRET}", ANNE, "N", 200, "N"),
    (f"N {MASKED} {VEILED}", PAUL, "N", 200, f"N {VEILED}"),
    (f"N {VEILED}", NINA, "N", 403, f"N {VEILED}"),
    (f"N {MASKED}", ANNE, "R", 200, "R"),
    (f"R {MASKED}", ANNE, "N", 200, "N"),
    (f"V {SECRET}", ANNE, "V", 200, "V"),
    (f"R {MASKED}", PAUL, "N", 403, f"R {MASKED}"),
    ("N", ANNE, "N", 200, "N"),
    ("N", ANNE, "R", 200, "R"),
]  # fmt: skip


@each_form
@pytest.mark.parametrize(("before", "who", "code", "status", "after"), MEANINGS)
def test_TD33_the_first_label_is_replaced_as_the_guide_means_it(
    record: Record, form: str, before: str, who: Person, code: str, status: int, after: str
) -> None:
    level, *flags = before.split()
    filed = Filed(record, *flags, level=level)
    answer = filed.patch(who, form, label_body(form, *(TRE_A07 | LEVEL)[code]))
    assert answer.status == status, answer.body
    assert filed.labels() == after.split()
    if status == 200 and filed.labels(PAUL) and who in (ANNE, PAUL):
        found = answer.json["securityLabel"]
        assert [c["code"] for label in found for c in label["coding"]] == after.split()
    assert filed.version() == ("2" if status == 200 and before != after else "1")


def test_TD33_the_holder_masks_and_unmasks_with_the_words_of_the_guide(record: Record) -> None:
    filed = Filed(record)
    for code, seen in ((MASKED, False), ("N", True)):
        body = label_body(JSON_PATCH, *(TRE_A07 | LEVEL)[code])
        assert filed.patch(record.holder, JSON_PATCH, body).status == 200
        assert record.sees(NINA, filed.id) is seen


@pytest.mark.parametrize("kind", ["transaction", "batch"])
@each_form
def test_TD33_an_entry_of_a_bundle_means_the_same(record: Record, form: str, kind: str) -> None:
    for who in (ANNE, INDIRECT):
        filed = Filed(record)
        for code, after in ((MASKED, ["N", MASKED]), ("N", ["N"])):
            body = label_body(form, *(TRE_A07 | LEVEL)[code])
            if form in (FHIR_JSON, FHIR_XML):
                resource = json_format.read(label_body(FHIR_JSON, *(TRE_A07 | LEVEL)[code]))
            else:
                data = b64encode(body).decode()
                resource = {"resourceType": "Binary", "contentType": form, "data": data}
            url = f"DocumentReference?{filed.condition}"
            request = {"method": "PATCH", "url": url}
            entry = {"resource": resource, "request": request}
            bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
            answer = record.house.post("", who, bundle)
            assert answer.json["entry"][0]["response"]["status"][:3] == "200", answer.body
            assert filed.labels() == after


@each_form
@pytest.mark.parametrize("code", [MASKED, "R"])
def test_by_id_a_pointer_means_what_its_standard_says(
    record: Record, form: str, code: str
) -> None:
    filed = Filed(record, SECRET)
    body = label_body(form, *(TRE_A07 | LEVEL)[code])
    path = f"DocumentReference/{filed.id}"
    answer = record.house.call("PATCH", path, ANNE, body, content_type=form)
    assert answer.status == (422 if code == MASKED else 200)
    assert filed.labels() == (["N", SECRET] if code == MASKED else ["R", SECRET])


POINTERS: list[tuple[dict[str, Any], int, list[str]]] = [
    ({"path": "/securityLabel/0/coding/0/code", "value": "R"}, 200, ["R", SECRET]),
    ({"path": "/securityLabel/0/coding/0/code", "value": MASKED}, 422, ["N", SECRET]),
    ({"path": "/securityLabel/1", "value": concept(*TRE_A07[MASKED])}, 200, ["N", MASKED]),
    ({"path": "/securityLabel", "value": labelled(level="R")}, 200, ["R"]),
    ({"path": "/securityLabel/0", "value": labelled(MASKED, level="R")[0]}, 200, ["R"]),
    ({"path": "/securityLabel/0", "value": {"system": VISIBILITY, "code": MASKED}}, 200,
     ["N", SECRET, MASKED]),
    ({"path": "/securityLabel/0", "value": {"coding": [
        {"system": LEVELS, "code": "R"}, {"system": VISIBILITY, "code": MASKED}]}}, 200,
     ["R", MASKED, SECRET]),
    ({"path": "/securityLabel/0", "value": concept("http://example.org", MASKED)}, 422,
     ["N", SECRET]),
    ({"path": "/securityLabel/0", "value": {"coding": [7]}}, 400, ["N", SECRET]),
    ({"path": "/securityLabel/0", "value": MASKED}, 400, ["N", SECRET]),
    ({"path": "/securityLabel/0", "value": None}, 400, ["N", SECRET]),
    ({"path": "/securityLabel/0", "value": {"coding": {"code": "N"}}}, 400, ["N", SECRET]),
    ({"path": "/securityLabel/9", "value": concept(*TRE_A07[MASKED])}, 422, ["N", SECRET]),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "status", "after"), POINTERS)
def test_other_pointers_of_a_conditional_patch_mean_what_rfc_6902_says(
    record: Record, operation: dict[str, Any], status: int, after: list[str]
) -> None:
    filed = Filed(record, SECRET)
    body = json.dumps([{"op": "replace"} | operation]).encode()
    answer = filed.patch(ANNE, JSON_PATCH, body)
    assert answer.status == status, answer.body
    assert filed.labels() == after


def test_operations_around_that_of_the_guide_are_done_in_order(record: Record) -> None:
    filed = Filed(record)
    operations = [
        {"op": "test", "path": "/securityLabel/0/coding/0/code", "value": "N"},
        {"op": "replace", "path": "/securityLabel/0", "value": concept(*TRE_A07[MASKED])},
        {"op": "test", "path": "/securityLabel/1/coding/0/code", "value": MASKED},
        {"op": "replace", "path": "/securityLabel/0", "value": concept(*TRE_A07[SECRET])},
        {"op": "replace", "path": f"/extension[url:'{ARCHIVED}']/valueBoolean", "value": True},
    ]
    assert filed.patch(ANNE, JSON_PATCH, json.dumps(operations).encode()).status == 200
    assert filed.labels() == ["N", MASKED, SECRET]
    many = operations[1:2] * 11
    assert filed.patch(ANNE, JSON_PATCH, json.dumps(many).encode()).status == 422
    garbage = [{"op": "replace", "path": "/securityLabel", "value": [1, 2]}, operations[1]]
    assert filed.patch(ANNE, JSON_PATCH, json.dumps(garbage).encode()).status == 400


@each_form
@pytest.mark.parametrize("stored", [None, True, False])
@pytest.mark.parametrize("value", [True, False])
def test_TD33d_the_archive_mark_is_replaced_or_added(
    record: Record, form: str, stored: bool | None, value: bool
) -> None:
    mark = {"url": ARCHIVED, "valueBoolean": stored}
    more: dict[str, Any] = {} if stored is None else {"extension": [mark]}
    filed = Filed(record, **more)
    answer = filed.patch(ANNE, form, archive_body(form, value))
    assert answer.status == 200, answer.body
    assert answer.json["extension"] == [{"url": ARCHIVED, "valueBoolean": value}]
    assert answer.json["status"] == "current"
    assert filed.version() == ("1" if stored is value else "2")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/extension/0/valueBoolean", True),
        ("/extension/0", {"url": ARCHIVED, "valueBoolean": True}),
    ],
)
def test_TD33d_the_first_extension_is_replaced_or_added(
    record: Record, path: str, value: Any
) -> None:
    filed, replace = Filed(record), [{"op": "replace", "path": path, "value": value}]
    for _ in range(2):  # where there is none, then where it is
        answer = filed.patch(ANNE, JSON_PATCH, json.dumps(replace).encode())
        assert answer.status == 200, answer.body
        assert answer.json["extension"] == [{"url": ARCHIVED, "valueBoolean": True}]
    other = [{"op": "replace", "path": "/extension/0", "value": {"url": "urn:x"}}]
    assert Filed(record).patch(ANNE, JSON_PATCH, json.dumps(other).encode()).status == 422


@pytest.mark.parametrize("who", [ANNE, INDIRECT])
@pytest.mark.parametrize("way", ["condition", "id"])
def test_TD33_the_author_archives_and_deletes_without_a_right_to_consult(
    record: Record, who: Person, way: str
) -> None:
    filed = Filed(record)
    path, query = (
        ("DocumentReference", filed.condition) if way == "condition"
        else (f"DocumentReference/{filed.id}", "")
    )  # fmt: skip

    def patch(body: bytes) -> Answer:
        return record.house.call("PATCH", path, who, body, query=query, content_type=JSON_PATCH)

    assert patch(archive_body(JSON_PATCH, True)).status == 200
    url = record.read(ANNE, filed.id).json["content"][0]["attachment"]["url"].split("/fhir/")[1]
    removal = [{"op": "replace", "path": "/status", "value": "entered-in-error"}]
    answer = patch(json.dumps(removal).encode())
    assert (answer.status, answer.json["status"]) == (200, "entered-in-error")
    assert (answer.json["id"], answer.json["meta"]["versionId"]) == (filed.id, "3")
    assert record.read(ANNE, filed.id).status == 410
    assert record.house.get(url, ANNE).status == 410
    assert record.read(NINA, filed.id).status == 410
    assert record.read(OTTO, filed.id).status == 404
    assert filed.id not in record.found(PAUL)


CODING = {"system": VISIBILITY, "code": MASKED}
WRITTEN = [
    ("DocumentReference.securityLabel", {"valueCodeableConcept": {"coding": [CODING]}}),
    ("DocumentReference.securityLabel.first()", {"valueCodeableConcept": {"coding": [CODING]}}),
    ("securityLabel[0]", {"valueCodeableConcept": {"coding": [CODING]}}),
    ("DocumentReference.securityLabel[0]", {"part": [{"name": "coding", "valueCoding": CODING}]}),
    ("DocumentReference.securityLabel[0]", {"part": [{"name": "coding", "part": [
        {"name": "system", "valueUri": VISIBILITY}, {"name": "code", "valueCode": MASKED}]}]}),
]  # fmt: skip
SELECTED = [
    "DocumentReference/securityLabel", "DocumentReference/securityLabel[1]",
    "/DocumentReference/securityLabel[1]", "/f:DocumentReference/f:securityLabel[1]",
]  # fmt: skip


@pytest.mark.parametrize(("path", "value"), WRITTEN)
def test_TD33a_in_the_spellings_of_a_fhirpath_patch(
    record: Record, path: str, value: dict[str, Any]
) -> None:
    filed = Filed(record, SECRET)
    answer = filed.patch(PAUL, FHIR_JSON, parameters(FHIR_JSON, path, **value))
    assert answer.status == 200, answer.body
    assert filed.labels() == ["N", SECRET, MASKED]


@pytest.mark.parametrize("selector", SELECTED)
def test_TD33a_in_the_spellings_of_an_xml_patch(record: Record, selector: str) -> None:
    filed = Filed(record, SECRET)
    coding = f'<coding><system value="{VISIBILITY}"/><code value="{MASKED}"/></coding>'
    body = (
        f'<diff xmlns:f="http://hl7.org/fhir"><replace sel="{selector}">'
        f"<securityLabel>{coding}</securityLabel></replace></diff>"
    )
    answer = filed.patch(PAUL, XML_PATCH, body.encode())
    assert answer.status == 200, answer.body
    assert filed.labels() == ["N", SECRET, MASKED]


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_TD33c_in_a_bundle_and_without_content(record: Record, kind: str) -> None:
    removal = json.dumps([{"op": "replace", "path": "/status", "value": "entered-in-error"}])
    data = b64encode(removal.encode()).decode()
    binary = {"resourceType": "Binary", "contentType": JSON_PATCH, "data": data}
    filed = Filed(record)
    request = {"method": "PATCH", "url": f"DocumentReference?{filed.condition}"}
    bundle = {
        "resourceType": "Bundle", "type": kind, "entry": [{"resource": binary, "request": request}]
    }  # fmt: skip
    answer = record.house.post("", INDIRECT, bundle, prefer="return=representation")
    (entry,) = answer.json["entry"]
    assert entry["response"]["status"][:3] == "200"
    assert entry["resource"]["status"] == "entered-in-error"
    assert record.read(ANNE, filed.id).status == 410
    other, house = Filed(record), record.house
    answer = house.call(
        "PATCH", "DocumentReference", INDIRECT, removal.encode(), query=other.condition,
        content_type=JSON_PATCH, prefer="return=minimal",
    )  # fmt: skip
    assert (answer.status, answer.body) == (200, b"")
    assert record.read(ANNE, other.id).status == 410
    again = other.patch(INDIRECT, JSON_PATCH, removal.encode())
    assert again.status == 404


# PDSm's own examples of flow 03, in FHIRPath Patch.
LEVEL_PATH = f"DocumentReference.securityLabel.coding.where(system='{LEVELS}').code"
ADDED = [
    {"name": "type", "valueCode": "add"},
    {"name": "path", "valueString": "DocumentReference"},
    {"name": "name", "valueString": "extension"},
    {"name": "value", "part": [
        {"name": "url", "valueUri": ARCHIVED}, {"name": "valueBoolean", "valueBoolean": True}]},
]  # fmt: skip


def replacement(path: str, **value: Any) -> list[dict[str, Any]]:
    return [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": path},
        {"name": "value"} | value,
    ]


def test_the_examples_of_pdsm_are_done(record: Record) -> None:
    filed = Filed(record, SECRET)
    archive = f"DocumentReference.extension.where(url='{ARCHIVED}').value"

    def patch(*operations: list[dict[str, Any]]) -> Answer:
        listed = [{"name": "operation", "part": parts} for parts in operations]
        body = {"resourceType": "Parameters", "parameter": listed}
        return filed.patch(ANNE, FHIR_JSON, json_format.write(body))

    answer = patch(
        replacement("DocumentReference.status", valueCode="current"),
        replacement(LEVEL_PATH, valueCode="R"),
        replacement(archive, valueBoolean=True),
    )
    assert answer.status == 200, answer.body
    assert filed.labels() == ["R", SECRET]
    assert answer.json["extension"] == [{"url": ARCHIVED, "valueBoolean": True}]
    other = Filed(record)
    assert other.id != filed.id
    body = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": ADDED}]}
    path = f"DocumentReference/{other.id}"
    added = record.house.call("PATCH", path, ANNE, json_format.write(body), content_type=FHIR_JSON)
    assert added.json["extension"] == [{"url": ARCHIVED, "valueBoolean": True}]


def test_FORMS_are_all_tried() -> None:
    assert set(FORMS) == {JSON_PATCH, XML_PATCH, FHIR_JSON, FHIR_XML}
