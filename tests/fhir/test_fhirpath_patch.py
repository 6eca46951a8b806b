"""FHIRPath Patch: https://hl7.org/fhir/R4/fhirpatch.html"""

import json
from typing import Any

import pytest

from tests.fhir.fhirpath_patches import CODING, PATIENT, done, operation, part, refused, values


def test_no_operation_changes_nothing() -> None:
    assert done() == PATIENT


def test_the_resource_that_is_patched_stays_as_it_was() -> None:
    before = json.dumps(PATIENT)
    done(operation("delete", "Patient.name[0].given[0]"), operation("delete", "Patient.contact"))
    assert json.dumps(PATIENT) == before


# add


def test_an_addition_puts_a_single_element() -> None:
    made = done(operation("add", "Patient.contact[0]", name="gender", value={"valueCode": "male"}))
    assert made["contact"] == [{"name": {"text": "only a text"}, "gender": "male"}]


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("Patient", "telecom", {"valueContactPoint": {"value": "1"}}),
        ("Patient", "photo", {"valueAttachment": {"title": "x"}}),
        ("Patient", "generalPractitioner", {"valueReference": {"display": "x"}}),
        ("Patient", "contact", {"part": [part("gender", valueCode="male")]}),
    ],
)
def test_an_addition_makes_a_list_where_the_element_repeats(
    path: str, name: str, value: dict[str, Any]
) -> None:
    made = done(operation("add", path, name=name, value=value))
    assert isinstance(made[name], list)


def test_an_addition_appends_to_a_list() -> None:
    new = {"valueIdentifier": {"value": "e"}}
    assert values(done(operation("add", "Patient", name="identifier", value=new))) == "abcde"


def test_an_addition_to_a_list_of_primitives_keeps_what_stands_beside_them() -> None:
    made = done(operation("add", "Patient.name[0]", name="given", value={"valueString": "C"}))
    assert made["name"][0]["given"] == ["A", "B", "C"]
    assert made["name"][0]["_given"] == [None, {"id": "b"}, None]


def test_an_addition_of_a_single_element_that_is_there_is_refused() -> None:
    refusal = refused(operation("add", "Patient", name="gender", value={"valueCode": "female"}))
    assert refusal.status == 422 and "`gender`" in refusal.text


def test_an_addition_of_a_second_type_of_a_choice_is_refused() -> None:
    new = {"valueDateTime": "2020"}
    assert refused(operation("add", "Patient", name="deceased", value=new)).status == 422


@pytest.mark.parametrize("name", ["multipleBirth", "multipleBirthInteger"])
def test_a_choice_gets_the_type_of_its_value(name: str) -> None:
    made = done(operation("add", "Patient", name=name, value={"valueInteger": 2}))
    assert made["multipleBirthInteger"] == 2


def test_a_primitive_can_be_given_an_extension() -> None:
    parts = [part("url", valueUri="http://a.example/y"), part("value", valueCode="z")]
    made = done(operation("add", "Patient.gender", name="extension", value={"part": parts}))
    assert made["_gender"] == {"extension": [{"url": "http://a.example/y", "valueCode": "z"}]}


def test_a_value_keeps_its_own_extensions() -> None:
    beside = {"extension": [{"url": "http://a.example/y", "valueCode": "z"}]}
    new = {"valueString": "C", "_valueString": beside}
    made = done(operation("add", "Patient.name[1]", name="family", value=new))
    assert (made["name"][1]["family"], made["name"][1]["_family"]) == ("C", beside)


def test_parts_become_elements_by_the_definitions() -> None:
    parts = [
        part("relationship", valueCodeableConcept={"coding": [CODING]}),
        part("name", valueHumanName={"text": "N"}),
        part("telecom", valueContactPoint={"value": "1"}),
        part("telecom", valueContactPoint={"value": "2"}),
        part("period", part=[part("start", valueDateTime="2020")]),
    ]
    made = done(operation("add", "Patient", name="contact", value={"part": parts}))
    assert made["contact"][1] == {
        "relationship": [{"coding": [CODING]}],
        "name": {"text": "N"},
        "telecom": [{"value": "1"}, {"value": "2"}],
        "period": {"start": "2020"},
    }


def test_a_part_of_a_single_element_stands_once() -> None:
    parts = [part("gender", valueCode="male"), part("gender", valueCode="female")]
    refusal = refused(operation("add", "Patient", name="contact", value={"part": parts}))
    assert refusal.status == 400


def test_a_resource_can_be_contained() -> None:
    inner = {"resourceType": "Organization", "id": "o", "name": "x"}
    made = done(
        operation("add", "Patient", name="contained", value={"resource": inner}),
        operation(
            "add",
            "Patient",
            name="managingOrganization",
            value={"valueReference": {"reference": "#o"}},
        ),
        operation(
            "replace",
            "Patient.managingOrganization.resolve().name",
            value={"valueString": "y"},
        ),
    )
    assert made["contained"] == [inner | {"name": "y"}]


# insert, move


@pytest.mark.parametrize(("index", "found"), [(0, "eabcd"), (2, "abecd"), (4, "abcde")])
def test_an_insertion_is_at_its_index(index: int, found: str) -> None:
    new = {"valueIdentifier": {"value": "e"}}
    made = done(operation("insert", "Patient.identifier", index=index, value=new))
    assert values(made) == found


@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("Patient.identifier", 5),
        ("Patient.identifier", -1),
        ("Patient.telecom", 0),  # nothing matches, which is an error of all but deletions
        ("Patient.gender", 0),
        ("Patient.identifier[0]", 0),
        ("Patient.identifier.where(value='a')", 0),
        ("Patient.name.given | Patient.name.given", 0),
    ],
)
def test_an_insertion_needs_a_whole_list_and_a_place_in_it(path: str, index: int) -> None:
    new = {"valueIdentifier": {"value": "e"}}
    assert refused(operation("insert", path, index=index, value=new)).status in (400, 422)


@pytest.mark.parametrize(
    ("source", "destination", "found"),
    [(3, 1, "adbc"), (3, 0, "dabc"), (0, 3, "bcda"), (1, 1, "abcd"), (2, 3, "abdc")],
)
def test_a_move_puts_an_element_at_its_destination(
    source: int, destination: int, found: str
) -> None:
    move = operation("move", "Patient.identifier", source=source, destination=destination)
    assert values(done(move)) == found


def test_a_move_takes_what_stands_beside_a_primitive_along() -> None:
    made = done(operation("move", "Patient.name[0].given", source=1, destination=0))
    assert made["name"][0]["given"] == ["B", "A"]
    assert made["name"][0]["_given"] == [{"id": "b"}, None]


@pytest.mark.parametrize(("source", "destination"), [(4, 0), (0, 4), (-1, 0)])
def test_a_move_stays_within_its_list(source: int, destination: int) -> None:
    move = operation("move", "Patient.identifier", source=source, destination=destination)
    assert refused(move).status == 422


# delete


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("Patient.identifier[1]", "acd"),
        ("Patient.identifier.first()", "bcd"),
        ("Patient.identifier.last()", "abc"),
        ("Patient.identifier.where(value = 'c')", "abd"),
        ("Patient.identifier.where(system.startsWith('urn:') and value = 'c')", "abd"),
        ("identifier.where(value.exists() and value in ('b')).single()", "acd"),
        ("Patient.identifier.tail().take(1)", "acd"),
        ("%resource.identifier.skip(3)", "abc"),
    ],
)
def test_a_deletion_takes_the_one_element_its_path_names(path: str, found: str) -> None:
    assert values(done(operation("delete", path))) == found


@pytest.mark.parametrize("path", ["Patient.active", "Patient.name[7]", "Patient.photo.title"])
def test_a_deletion_of_what_is_not_there_changes_nothing(path: str) -> None:
    assert done(operation("delete", path)) == PATIENT


def test_a_deletion_of_several_elements_is_refused() -> None:
    assert refused(operation("delete", "Patient.identifier")).status == 422


def test_what_a_deletion_leaves_empty_goes_too() -> None:
    assert "contact" not in done(operation("delete", "Patient.contact[0].name.text"))


def test_a_deleted_primitive_takes_its_extensions_along() -> None:
    made = done(operation("delete", "Patient.birthDate"))
    assert not {"birthDate", "_birthDate"} & made.keys()


def test_a_deletion_in_a_list_of_primitives_keeps_their_extensions_in_place() -> None:
    name = done(operation("delete", "Patient.name[0].given[0]"))["name"][0]
    assert (name["given"], name["_given"]) == (["B"], [{"id": "b"}])


def test_the_last_extension_of_a_primitive_can_be_deleted() -> None:
    made = done(operation("delete", "Patient.birthDate.extension('http://a.example/t')"))
    assert "_birthDate" not in made and made["birthDate"] == "1980-01-01"


# replace


@pytest.mark.parametrize(
    ("path", "value", "name", "found"),
    [
        ("Patient.gender", {"valueCode": "female"}, "gender", "female"),
        ("Patient.gender", {"valueString": "female"}, "gender", "female"),
        ("Patient.deceased", {"valueBoolean": True}, "deceasedBoolean", True),
        ("Patient.deceased", {"valueDateTime": "2020"}, "deceasedDateTime", "2020"),
        ("Patient.deceased", {"valueDateTime": "2020"}, "deceasedBoolean", None),
        ("Patient.deceased.ofType(boolean)", {"valueBoolean": True}, "deceasedBoolean", True),
        ("(Patient.deceased as boolean)", {"valueBoolean": True}, "deceasedBoolean", True),
        ("Patient.deceasedBoolean", {"valueBoolean": True}, "deceasedBoolean", True),
    ],
)
def test_a_replacement_puts_a_value_in_place_of_another(
    path: str, value: dict[str, Any], name: str, found: Any
) -> None:
    assert done(operation("replace", path, value=value)).get(name) == found


def test_a_replacement_in_a_list_keeps_its_place() -> None:
    new = {"valueIdentifier": {"value": "e"}}
    path = "Patient.identifier.where(value='b')"
    assert values(done(operation("replace", path, value=new))) == "aecd"


def test_a_replaced_primitive_loses_its_extensions() -> None:
    made = done(operation("replace", "Patient.birthDate", value={"valueDate": "1981"}))
    assert made["birthDate"] == "1981" and "_birthDate" not in made


def test_a_value_inside_a_choice_can_be_replaced() -> None:
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "valueQuantity": {"value": 1, "unit": "g"},
    }
    path = "Observation.value.ofType(Quantity).unit"
    made = done(operation("replace", path, value={"valueString": "kg"}), of=observation)
    assert made["valueQuantity"] == {"value": 1, "unit": "kg"}


@pytest.mark.parametrize("path", ["Patient.active", "Patient.name", "Patient.name[9].family"])
def test_a_replacement_needs_exactly_one_element(path: str) -> None:
    assert refused(operation("replace", path, value={"valueString": "x"})).status == 422


def test_operations_work_on_what_those_before_them_left() -> None:
    made = done(
        operation("add", "Patient", name="contact", value={"part": [part("id", valueString="c")]}),
        operation("add", "Patient.contact[1]", name="gender", value={"valueCode": "male"}),
        operation("delete", "Patient.contact[0]"),
    )
    assert made["contact"] == [{"id": "c", "gender": "male"}]
