"""Whom a consent, a team or a document names: every spelling that is one person is understood, what
nobody is known by is refused where it denies.

`contract.md` section 7 of the design, Identifiers and "Whose a document is".
"""

from base64 import b64encode
from typing import Any

import pytest

from tests.documents import cda
from tests.house import ANNE, BRUNO, CNAM, INS, NINA, OTTO, PS, STRUCTURE, House, Person
from tests.interactions.shared import new_ins
from tests.law.cast import SECRETARY
from tests.law.people import breaking_glass, regulating, relative
from tests.people import PARTICIPATION, consent, logical, stored, team
from tests.policy.record import Record, made

RPPS = "https://rpps.esante.gouv.fr"
NUMBER = OTTO.sub.partition("|")[2]
# Otto, as systems of the field write him.
SPELLINGS: dict[str, dict[str, str]] = {
    "as the token": {"system": PS, "value": NUMBER},
    "URN in capitals": {"system": PS.upper(), "value": NUMBER},
    "a bare OID": {"system": PS.removeprefix("urn:oid:"), "value": NUMBER},
    "without the 8": {"system": PS, "value": NUMBER[1:]},
    "bare without the 8": {"system": PS.removeprefix("urn:oid:"), "value": NUMBER[1:]},
    "the directory's RPPS": {"system": RPPS, "value": NUMBER[1:]},
}
UNKNOWN: dict[str, dict[str, Any]] = {
    "another system": {"identifier": {"system": "urn:oid:1.2.3", "value": NUMBER}},
    "no system": {"identifier": {"value": NUMBER}},
    "a space before": {"identifier": {"system": PS, "value": f" {NUMBER}"}},
    "a space after": {"identifier": {"system": PS, "value": f"{NUMBER} "}},
    "a space at the system": {"identifier": {"system": f"{PS} ", "value": NUMBER}},
    "a digit too many": {"identifier": {"system": PS, "value": f"{NUMBER}0"}},
    "a digit too few": {"identifier": {"system": PS, "value": NUMBER[:10]}},
    "a zero before": {"identifier": {"system": PS, "value": f"0{NUMBER}"}},
    "FINESS without its 1": {
        "identifier": {"system": STRUCTURE, "value": OTTO.organization.partition("|")[2][1:]}
    },
    "SIRET without its 3": {"identifier": {"system": STRUCTURE, "value": "12345678900011"}},
    "no number of anybody": {"identifier": {"system": PS, "value": "somebody"}},
    "an establishment without its 1": {"identifier": {"system": STRUCTURE, "value": "750100158"}},
    "a name alone": {"display": "Dr Otto Inconnu"},
    "nobody stored": {"reference": "Practitioner/none"},
    "an unknown address": {"reference": "https://elsewhere.example/Practitioner/1"},
    "one and another": {"reference": "#p", "identifier": {"system": PS, "value": NUMBER}},
}
DENIALS = (
    "dmp-pro-block", "dmp-team-opposition", "dmp-emergency-opposition", "dmp-centre15-opposition",
    "dmp-post-mortem-opposition",
)  # fmt: skip


def naming(record: Record, code: str, *references: dict[str, Any]) -> dict[str, Any]:
    role = {"coding": [{"system": PARTICIPATION, "code": "IRCP"}]}
    actors = [{"role": role, "reference": one} for one in references]
    denies = code == "dmp-pro-block" or code.endswith("-opposition")
    made = consent(record.id, code, deny=denies)
    made["provision"] |= {"actor": actors}
    return made


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_consent_binds_whom_it_names_in_every_spelling(record: Record, spelling: str) -> None:
    house, document = record.house, record.deposited(ANNE)
    named = {"identifier": SPELLINGS[spelling]}
    stored(house.post("Consent", record.holder, naming(record, "dmp-pro-access", named)))
    assert record.sees(OTTO, document)
    for code in ("dmp-emergency-opposition", "dmp-centre15-opposition"):
        stored(house.post("Consent", record.holder, naming(record, code, named)))
    for who in (breaking_glass(record), regulating(record)):
        assert record.read(who, document).status in (403, 404)
    stored(house.post("Consent", record.holder, naming(record, "dmp-pro-block", named)))
    assert record.find(OTTO).status == 403


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_opposition_to_a_team_binds_in_every_spelling(record: Record, spelling: str) -> None:
    """C12 shuts out a member of the team."""
    made = team(record.id, OTTO)
    made["participant"][0]["member"] = {"identifier": SPELLINGS[spelling]}
    stored(record.house.post("CareTeam", CNAM, made))
    assert record.find(OTTO).status == 200
    named = {"identifier": SPELLINGS["as the token"]}
    body = naming(record, "dmp-team-opposition", named)
    stored(record.house.post("Consent", record.holder, body))
    assert record.find(OTTO).status == 403


@pytest.mark.parametrize("code", DENIALS)
@pytest.mark.parametrize("unknown", UNKNOWN)
def test_a_denial_that_does_not_bind_all_it_names_is_refused(
    record: Record, unknown: str, code: str
) -> None:
    known = {"identifier": SPELLINGS["as the token"]}
    for references in ([UNKNOWN[unknown]], [known, UNKNOWN[unknown]]):
        body = naming(record, code, *references)
        if unknown == "one and another":
            bruno = {"system": PS, "value": BRUNO.sub.partition("|")[2]}
            practitioner = {"resourceType": "Practitioner", "id": "p", "identifier": [bruno]}
            body["contained"] = [practitioner]
        answer = record.house.post("Consent", record.holder, body)
        # A URI with a space in it is none, in R4's own words.
        assert answer.status == (400 if "at the system" in unknown else 422), answer.body


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_token_may_spell_its_person_otherwise(record: Record, spelling: str) -> None:
    document = record.deposited(ANNE)
    stored(record.consent(record.holder, "dmp-pro-access", OTTO))
    sub = "|".join(SPELLINGS[spelling].values())
    assert record.read(Person("professional", sub, "Dr Otto"), document).status == 200


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_practitioner_is_found_by_every_spelling(house: House, spelling: str) -> None:
    number = f"8{list(SPELLINGS).index(spelling) + 70000:011}"
    spelled = {"system": SPELLINGS[spelling]["system"], "value": number}
    if len(SPELLINGS[spelling]["value"]) == 11:
        spelled["value"] = number[1:]
    body = {"resourceType": "Practitioner", "identifier": [spelled]}
    id_ = stored(house.post("Practitioner", CNAM, body))
    for system, value in ((PS, number), (PS, number[1:]), (RPPS, number[1:]), (PS[8:], number)):
        found = house.get(f"Practitioner?identifier={system}|{value}", ANNE)
        assert [one["id"] for one in found.entries] == [id_], (system, value)
    assert house.post(
        "Practitioner", CNAM, body, if_none_exist=f"identifier={PS}|{number}"
    ).status == 200


# Whose a document is.

KEPT = {
    "practitioner": lambda who: {
        "resourceType": "Practitioner", "identifier": [logical(who)["identifier"]],
    },
    "organization": lambda who: {
        "resourceType": "Organization", "identifier": [identifier(who.organization)],
    },
}  # fmt: skip


def identifier(text: str) -> dict[str, str]:
    system, value = text.split("|")
    return {"system": system, "value": value}


def keep(house: House, kind: str, who: Person) -> str:
    """The address of a stored Practitioner or Organization."""
    body = KEPT[kind](who)
    return f"{body['resourceType']}/{stored(house.post(body['resourceType'], CNAM, body))}"


def role(house: House, who: Person, *, kept: bool, **more: Any) -> dict[str, Any]:
    """A PractitionerRole of `who` in his house: by literal references, or by logical ones."""
    practitioner: dict[str, Any] = logical(who)
    organization: dict[str, Any] = {"identifier": identifier(who.organization)}
    if kept:
        practitioner = {"reference": keep(house, "practitioner", who)}
        organization = {"reference": keep(house, "organization", who)}
    made = {"practitioner": practitioner, "organization": organization}
    return {"resourceType": "PractitionerRole"} | made | more


def ways(house: House, who: Person) -> dict[str, dict[str, Any]]:
    """What a DocumentReference may say so that it is of `who`, or of his house."""
    inside = role(house, who, kept=False, id="r")
    outside = stored(house.post("PractitionerRole", CNAM, role(house, who, kept=True)))
    logical_role = stored(house.post("PractitionerRole", CNAM, role(house, who, kept=False)))
    person, place = keep(house, "practitioner", who), keep(house, "organization", who)
    return {
        "logical": {"author": [logical(who)]},
        "literal": {"author": [{"reference": person}]},
        "an odd literal": {"author": [{"reference": f"/{person}/"}]},
        "an establishment": {"author": [{"reference": place}]},
        "contained role": {"contained": [inside], "author": [{"reference": "#r"}]},
        "literal role": {"author": [{"reference": f"PractitionerRole/{outside}"}]},
        "literal role, logical": {"author": [{"reference": f"PractitionerRole/{logical_role}"}]},
        "custodian": {"author": [logical(NINA)], "custodian": {"reference": place}},
        "logical custodian": {
            "author": [logical(NINA)], "custodian": {"identifier": identifier(who.organization)},
        },
    }  # fmt: skip


def test_a_masked_document_is_its_authors_however_they_are_named(record: Record) -> None:
    for way, said in ways(record.house, OTTO).items():
        document = record.deposited(BRUNO, **said)
        assert record.mask(record.holder, document).status == 200
        assert record.read(OTTO, document).status == 200, way
        colleague = Person("professional", f"{PS}|810000000108", "", OTTO.organization)
        of_house = way in ("an establishment",) or "role" in way or "custodian" in way
        assert (record.read(colleague, document).status == 200) == of_house, way
        assert record.read(ANNE, document).status == 404, way


def test_a_secretary_deposits_where_the_author_works(record: Record) -> None:
    house = record.house
    for way, said in ways(house, ANNE).items():
        allowed = way not in ("custodian", "logical custodian")  # Nina works elsewhere
        assert record.deposit(SECRETARY, **said).status == (201 if allowed else 403), way
    elsewhere = {"custodian": {"identifier": identifier(SECRETARY.organization)}}
    for way, said in ways(house, OTTO).items():
        assert record.deposit(SECRETARY, **(said | elsewhere)).status == 403, way


def test_the_establishment_that_an_author_says_is_theirs_there(record: Record) -> None:
    """Whoever works in two houses has written for the one that the document names."""
    house = record.house
    who = Person("professional", f"{PS}|810000000124", "Dr Deux", SECRETARY.organization)
    stored(house.post("PractitionerRole", CNAM, role(house, who, kept=False)))
    assert record.deposit(SECRETARY, author=[logical(who)]).status == 201
    elsewhere = Person("professional", who.sub, who.name, BRUNO.organization)
    inside = role(house, elsewhere, kept=False, id="r")
    kept = stored(house.post("PractitionerRole", CNAM, role(house, elsewhere, kept=False)))
    for said in (
        {"contained": [inside], "author": [{"reference": "#r"}]},
        {"author": [{"reference": f"PractitionerRole/{kept}"}]},
    ):
        assert record.deposit(SECRETARY, **said).status == 403
        here = [*said["author"], {"identifier": identifier(SECRETARY.organization)}]
        assert record.deposit(SECRETARY, **(said | {"author": here})).status == 201


def test_a_role_that_has_ended_is_none(record: Record) -> None:
    house = record.house
    who = Person("professional", f"{PS}|810000000116", "Dr Parti", SECRETARY.organization)
    assert record.deposit(SECRETARY, author=[logical(who)]).status == 403
    for ended in ({"period": {"end": "2026-01-01"}}, {"active": False}):
        stored(house.post("PractitionerRole", CNAM, role(house, who, kept=False, **ended)))
        assert record.deposit(SECRETARY, author=[logical(who)]).status == 403
    stored(house.post("PractitionerRole", CNAM, role(house, who, kept=False)))
    assert record.deposit(SECRETARY, author=[logical(who)]).status == 201


def test_an_establishment_by_the_directorys_url_is_the_same(record: Record) -> None:
    value = OTTO.organization.partition("|")[2]
    finess = {"system": "https://finess.esante.gouv.fr", "value": value[1:]}
    document = record.deposited(BRUNO, custodian={"identifier": finess})
    assert record.mask(record.holder, document).status == 200
    assert record.read(OTTO, document).status == 200
    assert OTTO.organization == f"{STRUCTURE}|{value}"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_attending_doctor_is_known_in_every_spelling(house: House, spelling: str) -> None:
    record = made(house, [NINA])
    named = {"identifier": SPELLINGS[spelling]}
    document = record.deposited(ANNE)
    assert record.read(OTTO, document).status == 404
    change = ("/generalPractitioner", [named])
    assert record.patch(CNAM, record.id, change, type_="Patient").status == 200
    assert record.read(OTTO, document).status == 200


@pytest.mark.parametrize("system", [INS, INS.upper(), INS.removeprefix("urn:oid:")])
def test_who_represents_is_known_in_every_spelling(record: Record, system: str) -> None:
    document = record.deposited(ANNE)
    who = Person("representative", f"{INS}|{new_ins()}", "Un tuteur")
    spelled = {"system": system, "value": who.sub.partition("|")[2]}
    relative(record, who, "representation", identifier=[spelled])
    assert record.read(who, document).status == 200


@pytest.mark.parametrize("around", [" {}", "{} ", "\t{}"])
def test_blanks_around_a_name_are_refused(record: Record, around: str) -> None:
    """Of whomever rights may go by: in a team, a document, a Patient, a RelatedPerson."""
    house, blank = record.house, {"system": PS, "value": around.format(NUMBER)}
    member = team(record.id, NINA)
    member["participant"].append({"member": {"identifier": blank}})
    assert house.post("CareTeam", CNAM, member).status in (400, 422)
    assert record.deposit(ANNE, author=[{"identifier": blank}]).status in (400, 422)
    ins = {"system": INS, "value": around.format(new_ins())}
    body = {"resourceType": "Patient", "identifier": [ins]}
    assert house.post("Patient", CNAM, body).status in (400, 422)
    relative_ = {
        "resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{record.id}"},
        "identifier": [ins],
    }  # fmt: skip
    assert house.post("RelatedPerson", CNAM, relative_).status in (400, 422)
    assert house.post("Practitioner", CNAM, {
        "resourceType": "Practitioner", "identifier": [blank],
    }).status in (400, 422)  # fmt: skip


@pytest.mark.parametrize("place", ["author", "custodian", "authenticator"])
def test_a_reference_that_says_two_people_is_refused(record: Record, place: str) -> None:
    kind, other = ("organization", BRUNO.organization) if place == "custodian" else (
        "practitioner", BRUNO.sub
    )  # fmt: skip
    both = {"reference": keep(record.house, kind, OTTO), "identifier": identifier(other)}
    said = {place: [both] if place == "author" else both}
    assert record.deposit(ANNE, **said).status == 422
    mine = OTTO.organization if place == "custodian" else OTTO.sub
    both["identifier"] = identifier(mine)
    assert record.deposit(ANNE, **said).status == 201


# The OIDs of another country's people and establishments, with and without an extension: as II are
# in FHIR, those without have one system.
FOREIGN = {
    "of one root": ("1.2.300.1", "1.2.300.1"), "of two roots": ("1.2.300.1", "1.2.300.2"),
    "roots alone": ("", ""), "a root and another": ("", "1.2.300.2"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_document_whose_signer_has_identifiers_of_another_country_is_taken(
    record: Record, kind: str
) -> None:
    person, house = FOREIGN[kind]
    ids = {
        f'root="{PS.removeprefix("urn:oid:")}" extension="899700218896"': (person, "41"),
        f'root="{STRUCTURE.removeprefix("urn:oid:")}" extension="1750100125"': (house, "42"),
    }
    text = cda(patient_ins=record.holder.sub.partition("|")[2]).decode()
    for usual, (root, number) in ids.items():
        other = f'root="{root}" extension="{number}"' if root else f'root="1.2.300.{number}"'
        assert usual in text
        text = text.replace(usual, other)
    attachment = {"contentType": "text/xml", "data": b64encode(text.encode()).decode()}
    body = {"resourceType": "DocumentReference", "status": "current",
            "content": [{"attachment": attachment}]}  # fmt: skip
    stored(record.house.post("DocumentReference", ANNE, body))
