"""What is left of a resource: https://hl7.org/fhir/R4/search.html#summary, #elements"""

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_server.fhir import json_format, xml_format
from fhir_server.fhir.outcome import BadRequest
from fhir_server.fhir.subset import SUBSETTED, Subset, is_subset, subset_asked
from profiles.definitions import r4
from profiles.validate import Issue, validate
from tests.corpus import CORPUS, corpus_files, needs_corpus

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "a",
    "meta": {"versionId": "1", "tag": [{"system": "http://a.example", "code": "x"}]},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A</div>'},
    "extension": [{"url": "http://a.example/e", "valueString": "x"}],
    "identifier": [{"system": "http://a.example", "value": "1"}],
    "active": True,
    "name": [{"family": "A", "given": ["B"]}],
    "_birthDate": {"extension": [{"url": "http://a.example/e", "valueString": "x"}]},
    "birthDate": "1980-01-02",
    "photo": [{"title": "x"}],
    "communication": [{"language": {"text": "fr"}}],
    "deceasedBoolean": False,
}


def left(resource: dict[str, Any], summary: Any = "false", *elements: str) -> dict[str, Any]:
    return dict(Subset(summary, elements).of(resource))


def asked(query: str, **more: Any) -> Subset | None:
    pairs = [pair.partition("=") for pair in query.split("&")]
    return subset_asked([(name, value) for name, _, value in pairs], **more)


def test_a_summary_has_the_elements_marked_so() -> None:
    kept = left(PATIENT, "true")
    assert set(kept) == {
        "resourceType", "id", "meta", "identifier", "active", "name", "birthDate",
        "deceasedBoolean",
    }  # fmt: skip
    assert kept["name"] == PATIENT["name"]


def test_a_text_has_the_narrative_and_what_is_mandatory() -> None:
    assert set(left(PATIENT, "text")) == {"resourceType", "id", "meta", "text"}
    observation = {
        "resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
        "valueInteger": 1, "text": PATIENT["text"],
    }  # fmt: skip
    assert set(left(observation, "text")) == {
        "resourceType", "id", "meta", "text", "status", "code",
    }  # fmt: skip


def test_data_is_all_but_the_narrative() -> None:
    assert set(left(PATIENT, "data")) == set(PATIENT) - {"text"}


def test_elements_come_with_what_is_mandatory_and_what_modifies() -> None:
    kept = left(PATIENT, "false", "birthDate", "photo")
    assert set(kept) == {
        "resourceType", "id", "meta", "birthDate", "_birthDate", "photo", "active",
        "deceasedBoolean",
    }  # fmt: skip
    condition = {"resourceType": "Condition", "subject": {"display": "x"}, "note": [{"text": "x"}]}
    assert set(left(condition, "false", "note")) == {"resourceType", "meta", "subject", "note"}
    assert set(left(condition, "false", "code")) == {"resourceType", "meta", "subject"}


@pytest.mark.parametrize("name", ["value", "value[x]", "valueQuantity", "Observation.value"])
def test_a_choice_is_named_with_or_without_its_type(name: str) -> None:
    found = {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "valueQuantity": {"value": 1}, "note": [{"text": "x"}],
    }  # fmt: skip
    assert set(left(found, "false", name)) == {
        "resourceType", "meta", "status", "code", "valueQuantity",
    }  # fmt: skip


def test_elements_of_another_type_leave_a_resource_whole() -> None:
    assert left(PATIENT, "false", "Observation.code") == PATIENT
    assert "name" not in left(PATIENT, "false", "Observation.code", "Patient.photo")


def test_elements_that_do_not_exist_choose_nothing() -> None:
    assert set(left(PATIENT, "false", "nme", "name.family")) == {
        "resourceType", "id", "meta", "active", "deceasedBoolean",
    }  # fmt: skip


@pytest.mark.parametrize("summary", ["true", "text", "data"])
def test_it_is_marked_once(summary: str) -> None:
    once = left(PATIENT, summary)
    assert once["meta"]["tag"] == [*PATIENT["meta"]["tag"], SUBSETTED]
    assert left(once, summary)["meta"] == once["meta"]
    assert list(once)[:3] == ["resourceType", "id", "meta"]


def test_what_is_given_is_not_changed() -> None:
    before = json.dumps(PATIENT)
    for subset in (Subset("true"), Subset("data"), Subset("false", ("name",))):
        subset.of(PATIENT)
    assert json.dumps(PATIENT) == before


def test_only_what_is_whole_says_nothing_of_being_a_part() -> None:
    assert not is_subset(PATIENT)
    assert is_subset(left(PATIENT, "true"))
    assert not is_subset({"meta": {"tag": [{"system": "http://a.example", "code": "SUBSETTED"}]}})


@pytest.mark.parametrize("summary", ["true", "text", "data"])
def test_what_modifies_all_stays(summary: str) -> None:
    odd = PATIENT | {
        "implicitRules": "http://a.example/r",
        "modifierExtension": [{"url": "http://a.example/m", "valueString": "x"}],
    }
    kept = left(odd, summary)
    assert kept["modifierExtension"] == odd["modifierExtension"]
    assert kept["implicitRules"] == odd["implicitRules"]


def test_a_summary_goes_all_the_way_down() -> None:
    event = {
        "resourceType": "AuditEvent",
        "type": {"code": "rest", "id": "t"},
        "recorded": "2020-01-01T00:00:00Z",
        "agent": [{"requestor": False, "altId": "x", "name": "y", "who": {"display": "z"}}],
        "source": {"site": "x", "observer": {"display": "z"}},
    }
    kept = left(event, "true")
    assert kept["type"] == {"code": "rest"}
    assert kept["agent"] == [{"requestor": False, "who": {"display": "z"}}]
    assert kept["source"] == {"observer": {"display": "z"}}


def test_a_summary_of_a_bundle_is_one_of_its_resources() -> None:
    kept = left({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]},
                "true")  # fmt: skip
    assert kept["entry"] == [{"resource": left(PATIENT, "true")}]
    assert is_subset(kept) and is_subset(kept["entry"][0]["resource"])


def test_an_element_that_would_be_empty_goes_unless_it_must_be_there() -> None:
    consent = {
        "resourceType": "Consent", "status": "active",
        "provision": {"actor": [{"role": {"text": "x"}, "reference": {"display": "x"}}]},
    }  # fmt: skip
    assert "provision" not in left(consent, "true")
    appointment = {
        "resourceType": "Appointment", "status": "proposed",
        "participant": [{"status": "accepted", "period": {"start": "2020"}}],
    }  # fmt: skip
    assert left(appointment, "true")["participant"] == [{"status": "accepted"}]
    document = {"resourceType": "DocumentReference", "content": [{"attachment": {"data": "YQ=="}}]}
    assert left(document, "true")["content"] == document["content"]


def test_bytes_are_not_in_a_summary() -> None:
    kept = left(
        {"resourceType": "Binary", "contentType": "text/plain", "data": "YQ=="}, "true"
    )
    assert set(kept) == {"resourceType", "meta", "contentType"}


def test_what_stands_in_for_a_missing_value_stays() -> None:
    absent = {"extension": [{"url": "http://a.example/absent", "valueCode": "unknown"}]}
    kept = left(
        {
            "resourceType": "Patient",
            "_birthDate": absent,
            "name": [{"given": ["A", None], "_given": [absent, absent]}],
            "managingOrganization": absent,
        },
        "true",
    )
    assert kept["_birthDate"] == absent
    assert kept["name"] == [{"given": ["A", None], "_given": [None, absent]}]
    assert kept["managingOrganization"] == absent


def test_contained_resources_stay_while_they_are_referred_to() -> None:
    request = {
        "resourceType": "MedicationRequest",
        "contained": [
            {"resourceType": "Medication", "id": "m", "manufacturer": {"reference": "#o"},
             "code": {"text": "x"}, "batch": {"lotNumber": "1"}},
            {"resourceType": "Organization", "id": "o", "name": "x"},
            {"resourceType": "Practitioner", "id": "p", "name": [{"text": "x"}]},
        ],
        "status": "active", "intent": "order", "subject": {"display": "x"},
        "medicationReference": {"reference": "#m"},
        "note": [{"authorReference": {"reference": "#p"}, "text": "x"}],
    }  # fmt: skip
    assert [item["id"] for item in left(request, "false", "note")["contained"]] == ["m", "o", "p"]
    assert [item["id"] for item in left(request, "true")["contained"]] == ["m", "o"]
    assert "batch" not in left(request, "true")["contained"][0]
    assert list(left(request, "true"))[2] == "contained"


def test_what_is_asked_for_is_read() -> None:
    assert asked("_summary=true") == Subset("true")
    assert asked("_elements=name, gender,&_elements=active") == Subset(
        "false", ("name", "gender", "active")
    )
    assert asked("_summary=text&_summary=data") == Subset("data")


@pytest.mark.parametrize("query", ["_summary=false", "_summary=", "_elements=", "_elements=,"])
def test_all_of_it_is_no_subset(query: str) -> None:
    assert asked(query) is None


def test_a_count_has_no_resources_and_is_for_searches() -> None:
    assert asked("_summary=count", counts=True) is None
    with pytest.raises(BadRequest, match="for searches"):
        asked("_summary=count")


@pytest.mark.parametrize("query", ["_summary=yes", "_summary=True", "_summary=true,text"])
def test_an_unknown_summary_is_refused(query: str) -> None:
    with pytest.raises(BadRequest, match="is no value of `_summary`"):
        asked(query)


def test_both_at_once_are_refused() -> None:
    with pytest.raises(BadRequest, match="exclude each other"):
        asked("_summary=true&_elements=name")
    assert asked("_summary=false&_elements=name") == Subset("false", ("name",))


@pytest.mark.parametrize("name", ["nme", "name.family", "Observation.code", "Patent.name"])
def test_strictly_an_unknown_element_is_refused(name: str) -> None:
    assert asked(f"_elements={name}", type_="Patient") is not None
    with pytest.raises(BadRequest, match="there is no element"):
        asked(f"_elements={name}", type_="Patient", strict=True)


@pytest.mark.parametrize("name", ["name", "deceased[x]", "deceasedBoolean", "Patient.name"])
def test_strictly_a_known_element_is_not(name: str) -> None:
    assert asked(f"_elements={name}", type_="Patient", strict=True) is not None
    assert asked(f"_elements={name}", strict=True) is not None


def _marks() -> dict[str, dict[str, Any]]:
    """Path → definition, from HL7's own files: not the tables that the server reads."""
    assert CORPUS is not None
    found: dict[str, dict[str, Any]] = {}
    for path in (CORPUS / "r4/definitions").glob("StructureDefinition-*.json"):
        definition = json.loads(path.read_bytes())
        if definition.get("derivation") != "constraint" and definition["kind"] != "logical":
            found |= {e["path"]: e for e in definition["snapshot"]["element"]}
    return found


def _unmarked(value: dict[str, Any], path: str, marks: dict[str, dict[str, Any]]) -> list[str]:
    """The places in `value` that are no part of a summary, though not needed either."""
    found = []
    for member, item in value.items():
        if member in ("resourceType", "contained") or member.startswith("_"):
            continue
        element, type_ = r4().types[path].members[member]
        mark = marks[f"{path}.{element.name}{'[x]' if element.choice else ''}"]
        if not (mark.get("isSummary") or mark.get("isModifier") or mark["min"]):
            found.append(f"{path}.{member}")
        for inner in item if isinstance(item, list) else [item]:
            if isinstance(inner, dict) and type_ != "Extension":
                found += _unmarked(inner, inner.get("resourceType", type_), marks)
    return found


@needs_corpus
def test_summaries_of_published_examples_hold_only_what_is_marked_so() -> None:
    marks = _marks()
    paths = corpus_files("r4/examples/*.json")
    found = {
        path.stem: places
        for path in paths
        if (places := _unmarked(_left(path, Subset("true")), _type(path), marks))
    }
    assert len(paths) > 300
    assert found == {}


def _type(path: Path) -> str:
    return str(json.loads(path.read_bytes())["resourceType"])


def _left(path: Path, subset: Subset) -> dict[str, Any]:
    return dict(subset.of(json_format.read(path.read_bytes(), max_depth=1000)))


def _faults(part: dict[str, Any]) -> list[Issue]:
    """But for the rules of a whole document (bdl-9 and others), which a part of one breaks."""
    return [issue for issue in validate(part) if not issue.text.startswith("bdl-")]


@needs_corpus
@pytest.mark.parametrize(
    "subset",
    [Subset("true"), Subset("text"), Subset("data"), Subset("false", ("text",))],
    ids=["true", "text", "data", "elements"],
)
def test_parts_of_published_examples_are_valid(subset: Subset) -> None:
    for path in corpus_files("r4/examples/*.json"):
        if validate(json_format.read(path.read_bytes(), max_depth=1000)) == []:
            part = _left(path, subset)
            assert _faults(part) == [], path.stem
            assert is_subset(part), path.stem
            again = xml_format.read(xml_format.write(part), max_depth=1000)
            assert _faults(again) == [] and set(again) == set(part), path.stem
