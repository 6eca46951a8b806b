"""What is hidden leaves no trace: every answer is the same as if it had never been stored.

`contract.md` section 5. For each kind of caller a generated record is made twice by the same
requests, whole and without what is hidden from him, and both are asked the same questions.
"""

import os
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from fhir_server.policy.facts import subject_facts
from fhir_server.policy.labels import birth_of_age
from fhir_server.policy.scope import Scope
from fhir_server.storage.opened import Moment
from fhir_server.storage.repository import Repository
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
from tests.silence import Script, Still

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
}
AUDITED = (
    "AuditEvent?_count=200",
    "AuditEvent?_count=100&_sort=date",
    "AuditEvent?outcome=4&_count=0",
)


@pytest.fixture
def house(database_url: str) -> Iterator[Still]:
    house = Still(database_url)
    yield house
    house.close()


def hidden_from(house: Still, who: Person, script: Script) -> frozenset[str]:
    """The ids of documents and their bytes that `who` sees in no way; nothing is traced."""
    assert house.services.verifier is not None
    house.begin(9_999)
    now = house.clock()
    said = f"Bearer {house.token(who.but(token_id='same'))}"
    subject = house.services.verifier.verify(said, now // 1000)
    rules = house.services.house.rules
    assert rules is not None
    seen: set[str] = set()
    for asks in ("other", "identifier"):
        scope = Scope.of(subject, rules, subject_facts(subject, action="read", asks=asks))
        moment = Moment(now, birth_of_age(now, 18), "trace", "request")
        opened = Repository(house.database.session(), house.services.house, subject, scope, moment)
        addresses = [("DocumentReference", document.id_) for document in script.documents]
        seen |= {id_ for _, id_ in opened.visible(addresses, deleted=True)}
    unseen = [document for document in script.documents if document.id_ not in seen]
    return frozenset({d.id_ for d in unseen} | {d.binary for d in unseen})


def questions_of(who: Person, script: Script, hidden: frozenset[str]) -> list[Question]:
    """A professional's own log too; those who read the record's see more accesses in one world."""
    asked = list(questions(script, hidden))
    if who.actor == "professional" and who is not PAUL:
        asked += [("GET", path, None, {}) for path in AUDITED]
    return asked


def differences(house: Still, who: Person, script: Script) -> tuple[list[Any], int, int]:
    """The answers that differ between the two worlds, each twice; how many are hidden, asked."""
    house.play(script)
    hidden = hidden_from(house, who, script)
    asked = questions_of(who, script, hidden)
    with_it = list(ask(house, who, asked))
    house.play(script, hidden)
    without_it = list(ask(house, who, asked))
    pairs = zip(with_it, without_it)
    found = [pair for pair in pairs if pair[0] != pair[1]]
    if not found and len(with_it) != len(without_it):
        found.append((with_it[-1], without_it[-1]))
    return found, len(hidden), len(with_it)


@pytest.mark.parametrize("caller", CALLERS)
def test_what_is_hidden_leaves_no_trace(
    house: Still, caller: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = SEED + list(CALLERS).index(caller)
    found, hidden, asked = differences(house, CALLERS[caller], Script(Random(seed)))
    with capsys.disabled():
        size = f"{hidden} hidden, {asked} answers"
        print(f"\n{house.database.dialect}, seed {seed}, {caller}: {size}", end=" ")
    assert not found, (f"seed {seed}, {caller}: {len(found)} answers differ", found[0])
