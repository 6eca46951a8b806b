"""What is hidden leaves no trace: every answer is the same as if it had never been stored.

`contract.md` section 5. For each kind of caller a generated record is made twice by the same
requests, whole and without what is hidden from him, and both are asked the same questions.
"""

import os
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import count, zip_longest
from random import Random
from typing import Any

import pytest

from fhir_server.policy.facts import subject_facts
from fhir_server.policy.labels import birth_of_age
from fhir_server.policy.scope import Scope
from fhir_server.search.query import Query
from fhir_server.storage.across import find_across
from fhir_server.storage.engine import Session
from fhir_server.storage.find import Found, find
from fhir_server.storage.history import Wanted
from fhir_server.storage.includes import Included, include
from fhir_server.storage.opened import Moment
from fhir_server.storage.outline import Remembered
from fhir_server.storage.repository import Repository
from fhir_server.storage.rows import Rows, Visible
from fhir_server.storage.version import Version
from tests.house import (
    ANNE,
    BRUNO,
    CLAIRE,
    CNAM,
    INS,
    INSURER,
    LUCIEN,
    LUCIEN_INS,
    NINA,
    OTTO,
    PAUL,
    PS,
    STRUCTURE,
    Person,
)
from tests.questions import Question, ask, questions
from tests.silence import Document, Script, Still

SEED = int(os.environ.get("FHIR_TEST_SEED", "20261124"))

SARA = Person("secretary", f"{PS}|810000000058", "Sara Secretaire", ANNE.organization)
ROBOT = Person("system", f"{STRUCTURE}|1750100125", "Automate")
CALLERS = {
    "a nurse of the care team": NINA,
    "an author": ANNE,
    "the attending doctor": PAUL,
    "a stranger": OTTO,
    "a blocked author": BRUNO,
    "the holder": LUCIEN,
    "another holder": CLAIRE,
    "the operator": CNAM,
    "an insurer": INSURER,
    "a secretary": SARA,
    "an automate": ROBOT,
    "a nurse, indirectly": NINA.but(auth_mode="INDIRECTE"),
    "a nurse, for one person": NINA.but(patient=f"{INS}|{LUCIEN_INS}"),
    "a rescuer": OTTO.but(patient=f"{INS}|{LUCIEN_INS}", purpose="bris_de_glace", reason="coma"),
    "a regulator": OTTO.but(patient=f"{INS}|{LUCIEN_INS}", purpose="centre_15"),
}
OWN_LOG = tuple(
    f"AuditEvent{query}"
    for query in ("?_count=200", "?_count=99&_sort=date", "?outcome=4", "/_history?_count=199")
)


@pytest.fixture
def house(database_url: str) -> Iterator[Still]:
    house = Still(database_url)
    yield house
    house.close()


def hidden_from(house: Still, who: Person, script: Script) -> frozenset[str]:
    """The ids of documents and their bytes that `who` sees in no way; nothing is traced."""
    house.begin(9_999)
    verifier, rules = house.services.verifier, house.services.house.rules
    assert verifier is not None and rules is not None
    now, token = house.clock(), house.token(who.but(token_id="same"))
    subject = verifier.verify(f"Bearer {token}", now // 1000)
    moment = Moment(now, birth_of_age(now, 18), "trace", "request")
    addresses, seen = [("DocumentReference", d.id_) for d in script.documents], set[str]()
    for asks in ("other", "identifier"):
        scope = Scope.of(subject, rules, subject_facts(subject, action="read", asks=asks))
        opened = Repository(house.database.session(), house.services.house, subject, scope, moment)
        seen |= {id_ for _, id_ in opened.visible(addresses, deleted=True)}
    unseen = [document for document in script.documents if document.id_ not in seen]
    return frozenset(id_ for document in unseen for id_ in (document.id_, document.binary))


def questions_of(who: Person, script: Script, hidden: frozenset[str]) -> list[Question]:
    """A professional's own log too; in a whole log there is more to read in the whole world."""
    asked = list(questions(script, hidden))
    if who.actor == "professional" and who is not PAUL:
        asked += [("GET", path, None, {}) for path in OWN_LOG]
    return asked


def differences(
    house: Still, who: Person, script: Script, only: str = ""
) -> tuple[list[Any], int, int]:
    """The answers that differ between the two worlds; how many ids are hidden, how many answers.

    `only`: the questions that begin so.
    """
    house.play(script)
    hidden = hidden_from(house, who, script)
    asked = [q for q in questions_of(who, script, hidden) if q[1].startswith(only)]
    whole = list(ask(house, who, asked))
    house.play(script, hidden)
    without = list(ask(house, who, asked))
    found = [pair for pair in zip_longest(whole, without) if pair[0] != pair[1]]
    return found, len(hidden), len(whole)


@pytest.mark.parametrize("caller", CALLERS)
def test_what_is_hidden_leaves_no_trace(
    house: Still, caller: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = SEED + list(CALLERS).index(caller)
    found, hidden, asked = differences(house, CALLERS[caller], Script(Random(seed)))
    run = f"{house.database.dialect}, seed {seed}, {caller}: {hidden} hidden, {asked} answers"
    with capsys.disabled():
        print(f"\n{run}", end=" ")
    assert not found, (run, f"{len(found)} answers differ", found[0])


# The comparison notices a leak.


def raw_alias(rows: Rows, alias: str, type_: str, *, minimal: bool = False) -> Visible:
    """The alias of a chain is made without looking at rights."""
    return Visible(f"resource {alias}", "1 = 1", "1", "''")


def raw_total(session: Session, rows: Rows, query: Query, *more: Any) -> Found:
    """The total counts all rows of the type; but for the uniqueId of a deposit."""
    if query.used[:1] and query.used[0][0] == "identifier":
        return find(session, rows, query, *more)
    text = "SELECT count(*) FROM resource WHERE type = :type AND NOT deleted"
    total = session.rows(text, {"type": query.type_})[0][0]
    return replace(find(session, rows, query, *more), total=total)


def raw_number(session: Session, rows: Rows, *more: Any) -> Found:
    """The number of what is in a record counts what is hidden too."""
    total = session.rows("SELECT count(*) FROM resource WHERE NOT deleted", {})[0][0]
    return replace(find_across(session, rows, *more), total=total)


def no_mention(type_: str, pairs: Any, **more: Any) -> frozenset[Any]:
    """A search may mention what is hidden."""
    return frozenset()


def whole_text(opened: Repository, version: Version) -> bytes:
    """Entries that lead to something hidden are left in."""
    return version.body


def raw_history(rows: Rows, wanted: Wanted) -> list[Visible]:
    """A history of everything that lies there."""
    return [Visible("resource d", "1 = 1", "1", "''")]


class RawRows(Rows):
    """All rows there are."""

    visible = raw_alias


def raw_include(session: Session, rows: Any, *more: Any) -> Included:
    """What is included is not looked at with rights."""
    return include(session, lambda: RawRows(**vars_of(rows())), *more)


def vars_of(rows: Rows) -> dict[str, Any]:
    return {one.name: getattr(rows, one.name) for one in fields(rows) if one.name != "params"}


LEAKS = {
    "fhir_server.storage.repository.include": (raw_include, "Patient?_id="),
    "fhir_server.storage.history._visible": (raw_history, "DocumentReference/_history"),
    "fhir_server.storage.compile.Rows.visible": (raw_alias, "List?item:"),
    "fhir_server.storage.repository.find": (raw_total, "DocumentReference?"),
    "fhir_server.storage.repository.find_across": (raw_number, "Patient/"),
    "fhir_server.interactions.search.mentioned": (no_mention, "List?item="),
    "fhir_server.storage.repository.Repository._shown": (whole_text, "List/"),
}


@pytest.mark.parametrize("place", LEAKS, ids=[leak.__name__ for leak, _ in LEAKS.values()])
def test_a_leak_is_noticed(house: Still, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(Random(SEED))
    leak, asked = LEAKS[place]
    # What the honest server has made is not remembered, nor what this one makes.
    monkeypatch.setattr("fhir_server.storage.find._texts", Remembered())
    if leak is raw_alias:  # of chains alone
        guarded = Rows.visible

        def visible(rows: Rows, alias: str, type_: str, *, minimal: bool = False) -> Visible:
            make = raw_alias if alias.startswith("t") else guarded
            return make(rows, alias, type_, minimal=minimal)

        monkeypatch.setattr(place, visible)
    else:
        monkeypatch.setattr(place, leak)
    assert differences(house, NINA, script, asked)[0]


# Whoever reads the log of a record: the accesses to what is hidden from him, without naming it.


@pytest.mark.parametrize("reader", [LUCIEN, CNAM], ids=["holder", "operator"])
def test_a_log_names_no_document_that_is_hidden(house: Still, reader: Person) -> None:
    """Nor in others' words (`entity.query`, base64), but for the operator, who keeps the trail."""
    unseen: list[Document] = []
    for seed in count(SEED):
        house.play(script := Script(Random(seed)))
        hidden = hidden_from(house, reader, script)
        unseen = [d for d in script.documents if d.id_ in hidden and d.patient == script.records[0]]
        if unseen:
            break
    paths = [f"DocumentReference/{d.id_}" for d in unseen] + [f"Binary/{d.binary}" for d in unseen]
    reads: list[Question] = [("GET", path, None, {}) for path in paths]
    assert {answer[1] for answer in ask(house, PAUL, reads, 11_000)} <= {200, 410}
    assert {answer[1] for answer in ask(house, BRUNO, reads, 12_000)} == {404}
    whole: list[Question] = [("GET", "AuditEvent?", None, {})]
    log = b"".join(answer[3] for answer in ask(house, reader, whole, 13_000))
    assert log.count(b'"code":"read"') >= 2 * len(reads)
    names = {name for d in unseen for name in (d.id_, d.binary, d.unique)}
    assert not [name for name in names if name.encode() in log]
    words = b" ".join(b64decode(query) for query in re.findall(rb'"query":"([^"]+)"', log))
    told = [name for name in names if name.encode() in words]
    assert not told if reader is LUCIEN else told
    found: list[Question] = [
        ("GET", f"AuditEvent?entity={path}&_count=0", None, {}) for path in paths
    ]
    assert all(b'"total":0' in answer[3] for answer in ask(house, reader, found, 14_000))
