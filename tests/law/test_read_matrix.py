"""The 96 cells of the design's `domain.md` 1.5, over HTTP: who sees what under which flags."""

from collections.abc import Callable

import pytest

from fhir_server.policy.labels import MASKED, SECRET, VEILED
from tests.house import ANNE, BRUNO, INSURER, NINA, OTTO, PAUL, STRUCTURE, House, Person
from tests.law.people import breaking_glass, regulating, relative, somebody
from tests.law.timed import wait
from tests.people import stored
from tests.policy.record import Record, made, replacing

COLUMNS = (
    "none", "MASQUE_PS", "INV_PATIENT", "INV_PATIENT after a month", "INV_REPR",
    "MASQUE_PS and INV_PATIENT", "deleted", "superseded",
)  # fmt: skip
# Who, and for each column whether he sees the document.
CELLS = {
    "holder": "YY-YY--Y",
    "parental authority": "YY-Y---Y",
    "representative of an adult": "YY-Y---Y",
    "attending doctor": "YYYYYY-Y",
    "equivalent": "YYYYYY-Y",
    "author": "YYYYYY-Y",
    "care team": "Y-YYY--Y",
    "consented": "Y-YYY--Y",
    "without consent": "--------",
    "blocked": "--------",
    "break-glass": "Y-YYY--Y",
    "emergency call centre": "Y-YYY--Y",
    "insurer": "--------",
    "employer": "--------",
    "trusted person": "--------",
    "secretary": "--------",
}


def consented(record: Record, code: str, who: Person = OTTO) -> Person:
    stored(record.consent(record.holder, code, who))
    return who


def represented(record: Record, relationship: str) -> Person:
    who = somebody()
    relative(record, who, relationship)
    return who


CALLERS: dict[str, Callable[[Record], Person]] = {
    "holder": lambda record: record.holder,
    "parental authority": lambda record: represented(record, "PRN"),
    "representative of an adult": lambda record: represented(record, "representation"),
    "attending doctor": lambda record: PAUL,
    "equivalent": lambda record: consented(record, "dmp-attending-equivalent"),
    "author": lambda record: ANNE,
    "care team": lambda record: NINA,
    "consented": lambda record: consented(record, "dmp-pro-access"),
    "without consent": lambda record: OTTO,
    "blocked": lambda record: consented(record, "dmp-pro-block", BRUNO),
    "break-glass": breaking_glass,
    "emergency call centre": regulating,
    "insurer": lambda record: INSURER,
    "employer": lambda record: Person("employer", f"{STRUCTURE}|1750100182"),
    "trusted person": lambda record: somebody("trusted-person"),
    "secretary": lambda record: Person("secretary", NINA.sub, organization=NINA.organization),
}


def documents(record: Record) -> list[str]:
    """The ids of a document for each column; all are Anne's."""
    released = record.deposited(ANNE, VEILED)
    wait(record.house, months=1, days=1)
    flags = ((), (MASKED,), (VEILED,), (SECRET,), (MASKED, VEILED), (), ())
    none, masked, veiled, secret, both, deleted, superseded = (
        record.deposited(ANNE, *some) for some in flags
    )
    record.house.call("DELETE", f"DocumentReference/{deleted}", ANNE)
    stored(record.house.post("DocumentReference", ANNE, replacing(record.id, superseded)))
    return [none, masked, veiled, released, secret, both, deleted, superseded]


@pytest.mark.parametrize("name", CELLS)
def test_who_sees_a_document_under_which_flags(house: House, name: str) -> None:
    more = {"birthDate": "2020-03-01"} if name == "parental authority" else {}
    record = made(house, [NINA, BRUNO], doctor=PAUL, **more)
    ids = documents(record)
    caller = CALLERS[name](record)
    searched = record.find(caller, "&_count=500")
    found = {entry["id"] for entry in searched.entries} if searched.status == 200 else set()
    read = {id_ for id_ in ids if record.read(caller, id_).status == 200}
    seen = [dict(zip(COLUMNS, (id_ in some for id_ in ids), strict=True)) for some in (found, read)]
    expected = dict(zip(COLUMNS, (cell == "Y" for cell in CELLS[name]), strict=True))
    assert seen == [expected, expected]


def test_there_are_the_96_cells_and_more() -> None:
    assert set(CELLS) == set(CALLERS) and {len(row) for row in CELLS.values()} == {8}
    assert len(CELLS) * len(COLUMNS) >= 96


def test_r082_what_is_hidden_from_the_holder_is_shown_to_the_team(record: Record) -> None:
    id_ = record.deposited(ANNE, VEILED)
    assert record.sees(NINA, id_) and not record.sees(record.holder, id_)
    assert record.rules(NINA) == {"R080"}  # a rule of its own would tell the holder, in his log
