"""Notes are small, and come back from their bytes as they were."""

import json

import pytest

from fhir_server.audit.note import Note, note_of, read, write
from fhir_server.policy.subject import Coded, Subject

NINA = Subject(
    "professional",
    "urn:oid:1.2.250.1.71.4.2.1|810000000025",
    "Nina Infirmière",
    "urn:oid:1.2|3",
    "Cabinet « Exemple »",
    (Coded("urn:oid:1.2.250.1.71.1.2.7", "60"),),
    "bris_de_glace",
    "inconscient\n",
    "SA07",
    "DIRECTE",
    True,
    "",
    "lps-demo",
    "jti-1",
)


@pytest.mark.parametrize(
    "note",
    [
        note_of(NINA, interaction="read", type_="Patient", id_="a", status=200, request_id="r"),
        note_of(
            NINA,
            interaction="search-type",
            asked="GET Patient?name=\0é\U0001f600",
            status=403,
            request_id="",
        ),
        note_of(
            NINA,
            interaction="patch",
            status=200,
            request_id="r",
            detail=(("old-labels", ""), ("new-labels", "x")),
        ),
        note_of(Subject("operator", ""), interaction="operation", status=500, request_id="r"),
    ],
)
def test_a_note_comes_back_as_it_was(note: Note) -> None:
    assert read(write(note)) == note


def test_a_note_is_what_is_known_of_the_caller() -> None:
    note = note_of(NINA, interaction="read", type_="Patient", id_="a", status=200, request_id="r")
    assert (note.identifier, note.name, note.reason) == (NINA.identifier, NINA.name, NINA.reason)
    assert note.roles == (("urn:oid:1.2.250.1.71.1.2.7", "60"),)
    assert (note.client, note.token_id, note.secret) == ("lps-demo", "jti-1", True)


@pytest.mark.parametrize(
    ("status", "refused"),
    [(200, False), (201, False), (304, False), (400, True), (404, True), (503, True)],
)
def test_what_ended_with_an_error_was_refused(status: int, refused: bool) -> None:
    assert note_of(NINA, interaction="read", status=status, request_id="r").refused == refused


def test_a_note_is_small() -> None:
    note = note_of(
        NINA,
        interaction="read",
        type_="DocumentReference",
        id_="a" * 36,
        status=200,
        request_id="r" * 36,
    )
    assert len(write(note)) < 400


def test_a_note_of_before_the_address_was_kept_is_read() -> None:
    note = note_of(NINA, interaction="read", status=200, request_id="r", address="192.0.2.7")
    before = json.dumps(json.loads(write(note))[:-1]).encode()
    assert read(before) == note_of(NINA, interaction="read", status=200, request_id="r")
