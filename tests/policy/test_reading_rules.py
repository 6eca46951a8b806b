"""Each rule about reading, over HTTP, by its id in the design's access-rules.csv."""

import pytest

from fhir_server.policy.labels import MASKED, SECRET, VEILED
from tests.house import ANNE, BRUNO, CNAM, INS, INSURER, NINA, OTTO, PAUL, House, Person
from tests.people import consent
from tests.policy.record import Record, made

EMPLOYER = Person("employer", "urn:oid:1.2.250.1.71.4.2.2|1750100182", "Employeur")
TRUSTED = Person("trusted-person", f"{INS}|278112B12345661", "Une amie")
HOST = Person("host", "urn:oid:1.2.250.1.71.4.2.2|1750100190", "Hebergeur")
BANNED = {"R002": INSURER, "R003": EMPLOYER, "R004": TRUSTED, "R005": HOST}


@pytest.mark.parametrize("rule", BANNED)
@pytest.mark.parametrize(
    "path",
    [
        "DocumentReference?patient={id}",
        "DocumentReference/{document}",
        "Patient/{id}",
        "DocumentReference/never",
        "Organization",
        "Patient?identifier=a|b",
        "AuditEvent",
    ],
)
def test_r002_to_r005_the_banned_get_403_whatever_they_ask(
    record: Record, rule: str, path: str
) -> None:
    id_ = record.deposited(ANNE)
    record.consent(record.holder, "dmp-pro-access", BANNED[rule])
    answer = record.house.get(path.format(id=record.id, document=id_), BANNED[rule])
    assert (answer.status, answer.json["issue"][0]["code"]) == (403, "forbidden")
    assert id_ not in answer.diagnostics and record.id not in answer.diagnostics


@pytest.mark.parametrize("rule", BANNED)
def test_r002_to_r005_the_banned_write_nothing(record: Record, rule: str) -> None:
    assert record.deposit(BANNED[rule]).status == 403
    assert (
        record.house.post(
            "Organization", BANNED[rule], {"resourceType": "Organization", "name": "x"}
        ).status
        == 403
    )


@pytest.mark.parametrize(("sector", "rule"), [("SA23", "R002"), ("SA44", "R003"), ("SA13", "R134")])
def test_r002_r003_r134_a_professional_of_a_banned_sector_sees_nothing(
    record: Record, sector: str, rule: str
) -> None:
    record.deposited(ANNE)
    assert record.find(NINA.but(sector=sector)).status == 403
    assert record.find(PAUL.but(sector=sector)).status == 403


def test_r014_the_holder_closes_and_reopens_his_record(record: Record) -> None:
    id_ = record.deposited(ANNE)
    record.closed()
    patient = record.house.get(f"Patient/{record.id}", record.holder).json
    (closing,) = [e for e in patient["extension"] if e["url"].endswith("/dmp-fermeture")]
    assert closing["extension"] == [{"url": "dateFermeture", "valueDate": "2026-11-24"}]
    assert not record.sees(NINA, id_)
    again = record.patch(record.holder, record.id, ("/active", True), type_="Patient")
    assert again.status == 200 and "extension" not in again.json
    assert record.sees(NINA, id_)


def test_r016_no_professional_closes_a_record(record: Record) -> None:
    for who in (PAUL, NINA, ANNE):
        assert record.patch(who, record.id, ("/active", False), type_="Patient").status in (
            403,
            405,
        )
    assert record.house.get(f"Patient/{record.id}", CNAM).json["active"] is True


def test_r019_r030_the_holder_reads_his_closed_record_and_can_do_nothing_else(
    record: Record,
) -> None:
    id_ = record.deposited(ANNE)
    record.closed()
    assert record.sees(record.holder, id_)
    assert record.mask(record.holder, id_).status == 403
    assert record.consent(record.holder, "dmp-pro-access", OTTO).status == 403


@pytest.mark.parametrize("who", [PAUL, NINA, ANNE], ids=lambda who: who.name)
def test_r021_in_a_closed_record_professionals_know_that_it_is_closed_and_no_more(
    record: Record, who: Person
) -> None:
    id_ = record.deposited(ANNE)
    record.closed()
    assert record.find(who).status == 403
    assert record.read(who, id_).status == 404
    assert record.deposit(who).status == 403
    patient = record.house.get(f"Patient/{record.id}", who).json
    assert patient["active"] is False and "name" not in patient
    assert [e["url"].rsplit("/")[-1] for e in patient["extension"]] == ["dmp-fermeture"]


def test_r030_the_holder_reads_all_that_is_not_hidden_from_him(record: Record) -> None:
    plain, masked, secret = (record.deposited(ANNE, *flags) for flags in ((), (MASKED,), (SECRET,)))
    assert all(record.sees(record.holder, id_) for id_ in (plain, masked, secret))
    other = made(record.house, [NINA])
    assert not other.sees(record.holder, other.deposited(ANNE))
    assert other.find(record.holder).status == 403
    assert "R030" in record.rules(record.holder)


def test_r031_r032_a_document_is_hidden_from_the_holder_for_a_month(house: House) -> None:
    record = made(house, [NINA])
    id_ = record.deposited(ANNE, VEILED)
    assert not record.sees(record.holder, id_)
    assert record.sees(NINA, id_)  # R082
    before = house.now
    house.now += 29 * 86_400_000  # 23 December, almost noon
    assert not record.sees(record.holder, id_)
    house.now += 2 * 86_400_000
    assert record.sees(record.holder, id_)
    house.now = before


def test_r032_the_author_shows_it_earlier_r077(record: Record) -> None:
    id_ = record.deposited(ANNE, VEILED)
    assert record.label(PAUL, id_).status == 403
    assert record.label(ANNE, id_).status == 200
    assert record.sees(record.holder, id_)


def test_r060_the_attending_doctor_sees_all_r064_and_unmasks(record: Record) -> None:
    ids = [record.deposited(ANNE, *flags) for flags in ((), (MASKED,), (VEILED,), (SECRET,))]
    assert all(record.sees(PAUL, id_) for id_ in ids)
    assert record.label(PAUL, ids[1]).status == 200
    assert record.sees(NINA, ids[1])
    assert "R060" in record.rules(PAUL) and "R064" in record.rules(PAUL)


def test_r061_a_blocked_professional_who_becomes_attending_doctor_has_access(house: House) -> None:
    record = made(house, [BRUNO])
    id_ = record.deposited(ANNE)
    assert record.consent(record.holder, "dmp-pro-block", BRUNO).status == 201
    assert not record.sees(BRUNO, id_)
    patient = house.get(f"Patient/{record.id}", CNAM).json
    system, value = BRUNO.sub.split("|")
    doctor = {"identifier": {"system": system, "value": value}}
    assert (
        house.call(
            "PUT", f"Patient/{record.id}", CNAM, patient | {"generalPractitioner": [doctor]}
        ).status
        == 200
    )
    assert record.sees(BRUNO, id_)


def test_r063_who_has_the_attending_doctors_rights_sees_the_masked(record: Record) -> None:
    id_ = record.deposited(ANNE, MASKED)
    assert not record.sees(OTTO, id_)
    assert record.consent(record.holder, "dmp-attending-equivalent", OTTO).status == 201
    assert record.sees(OTTO, id_)
    assert record.label(OTTO, id_).status == 200


def test_r070_the_author_and_his_house_see_what_they_deposited(record: Record) -> None:
    id_, other = record.deposited(ANNE, MASKED), record.deposited(PAUL)
    colleague = Person(
        "professional", "urn:oid:1.2.250.1.71.4.2.1|810000000058", "Un confrere", ANNE.organization
    )
    stranger = Person("professional", "urn:oid:1.2.250.1.71.4.2.1|810000000066", "Une inconnue")
    assert record.found(ANNE) == {id_} == record.found(colleague)
    assert record.read(ANNE, other).status == 404
    assert record.find(stranger).status == 403
    assert "R070" in record.rules(ANNE)


def test_r080_the_care_team_sees_the_record_while_it_takes_care(record: Record) -> None:
    id_ = record.deposited(ANNE)
    assert record.sees(NINA, id_) and "R080" in record.rules(NINA)
    over = record.team() | {"period": {"end": "2026-11-23"}}
    assert record.house.call("PUT", f"CareTeam/{over['id']}", CNAM, over).status == 200
    assert not record.sees(NINA, id_)
    assert record.find(NINA).status == 403


def test_r080_the_people_of_an_establishment_in_the_team_are_members(house: House) -> None:
    house_of_otto = Person("system", OTTO.organization, "Clinique")
    record = made(house, [house_of_otto])
    assert record.sees(OTTO, record.deposited(ANNE))


def test_r081_the_masked_leaves_no_trace_for_the_team(record: Record) -> None:
    id_ = record.deposited(ANNE)
    assert record.sees(NINA, id_)
    assert record.mask(record.holder, id_).status == 200
    hidden, never = record.read(NINA, id_), record.read(NINA, "never")
    assert (hidden.status, hidden.body.replace(id_.encode(), b"never")) == (
        never.status,
        never.body,
    )
    assert record.found(NINA) == set()
    assert record.sees(ANNE, id_) and record.sees(PAUL, id_) and record.sees(record.holder, id_)
    assert (
        record.read(NINA, id_, "/_history").status
        == record.read(NINA, id_, "/_history/1").status
        == 404
    )
    assert "R081" in record.rules(NINA)


def test_r085_the_holder_opposes_sharing_with_a_team(record: Record) -> None:
    id_ = record.deposited(ANNE)
    assert record.consent(record.holder, "dmp-team-opposition", NINA).status == 201
    assert not record.sees(NINA, id_) and record.find(NINA).status == 403
    assert "R085" in record.rules(NINA)


def test_r090_explicit_consent_opens_from_the_next_request_on(record: Record) -> None:
    id_ = record.deposited(PAUL)
    assert record.find(OTTO).status == 403
    given = record.consent(record.holder, "dmp-pro-access", OTTO, period={"end": "2026-11-24"})
    assert given.status == 201
    assert record.sees(OTTO, id_) and "R090" in record.rules(OTTO)
    record.house.now += 12 * 3_600_000  # until midnight
    assert not record.sees(OTTO, id_)
    record.house.now -= 12 * 3_600_000
    withdrawn = given.json | {"status": "inactive"}
    assert record.house.call("PUT", f"Consent/{given.id}", record.holder, withdrawn).status == 200
    assert not record.sees(OTTO, id_)


def test_r091_a_professional_declares_the_consent_he_collected(record: Record) -> None:
    id_ = record.deposited(PAUL)
    mine = record.consent(OTTO, "dmp-pro-access", OTTO)
    assert mine.status == 201 and record.sees(OTTO, id_)
    assert record.consent(NINA, "dmp-pro-access", BRUNO).status == 403
    assert record.consent(NINA, "dmp-pro-access-collected-by", BRUNO).status == 201
    assert record.sees(BRUNO, id_)


def test_r092_without_consent_403_and_404_in_words_that_tell_nothing(record: Record) -> None:
    id_ = record.deposited(PAUL)
    assert record.find(OTTO).status == 403
    never, hidden = record.read(OTTO, "never"), record.read(OTTO, id_)
    assert (hidden.status, hidden.body.replace(id_.encode(), b"never")) == (404, never.body)
    assert record.house.get("DocumentReference", OTTO).status == 200


def test_one_text_for_no_right_blocked_and_opposed(record: Record) -> None:
    record.consent(record.holder, "dmp-pro-block", BRUNO)
    record.consent(record.holder, "dmp-team-opposition", NINA)
    answers = {
        (a.status, a.body) for a in (record.find(OTTO), record.find(BRUNO), record.find(NINA))
    }
    assert len(answers) == 1


def test_r100_a_blocked_professional_gets_nothing(record: Record) -> None:
    id_ = record.deposited(NINA)
    record.consent(record.holder, "dmp-pro-access", NINA)
    assert record.consent(record.holder, "dmp-pro-block", NINA).status == 201
    assert record.find(NINA).status == 403
    assert record.read(NINA, id_).status == 404
    assert record.mask(NINA, id_).status == 404
    assert "R100" in record.rules(NINA)


def test_r101_a_blocked_professional_deposits_nothing(record: Record) -> None:
    record.consent(record.holder, "dmp-pro-block", OTTO)
    answer = record.deposit(OTTO)
    assert answer.status == 403 and "R101" in record.rules(OTTO)


def test_r102_r114_break_glass_opens_nothing_to_the_blocked_and_needs_a_reason(
    record: Record,
) -> None:
    record.consent(record.holder, "dmp-pro-block", BRUNO)
    person = record.holder.sub
    with_reason = BRUNO.but(purpose="bris_de_glace", reason="unconscious", patient=person)
    assert record.find(with_reason).status == 403
    without = record.find(NINA.but(purpose="bris_de_glace", patient=person))
    assert (without.status, without.json["issue"][0]["code"]) == (403, "required")


def test_a_consent_about_more_than_can_be_honoured_opens_nothing(record: Record) -> None:
    narrow = consent(record.id, "dmp-pro-access", OTTO, provision=[{"type": "deny"}])
    assert record.house.post("Consent", record.holder, narrow).status in (201, 422)
    assert record.find(OTTO).status == 403


@pytest.mark.parametrize("code", ["dmp-pro-block", "dmp-team-opposition", "dmp-pro-access"])
def test_r092_whom_a_consent_named_learns_nothing_of_it_when_it_is_over(
    record: Record, code: str
) -> None:
    before = record.find(OTTO)
    given = record.consent(record.holder, code, OTTO)
    over = given.json | {"status": "inactive"}
    assert record.house.call("PUT", f"Consent/{given.id}", record.holder, over).status == 200
    after = record.find(OTTO)
    assert (after.status, after.body) == (before.status, before.body) == (403, before.body)
    assert record.find(OTTO, type_="Consent").status == 403
    for rest in ("", "/_history", "/_history/1"):
        assert record.house.get(f"Consent/{given.id}{rest}", OTTO).status == 404
