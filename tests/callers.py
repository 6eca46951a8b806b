"""Who asks in the worlds of silence, what he may ask, and what is hidden from him."""

import os

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
from tests.questions import Question, questions
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
    "a rescuer": OTTO.but(patient=f"{INS}|{LUCIEN_INS}", purpose="bris_de_glace", reason="coma"),
    "a regulator": OTTO.but(patient=f"{INS}|{LUCIEN_INS}", purpose="centre_15"),
}
OWN_LOG = tuple(
    f"AuditEvent{query}"
    for query in ("?_count=200", "?_count=99&_sort=date", "?outcome=4", "/_history?_count=199")
)


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
    if who is CNAM:  # who may read what he does not see is for him to ask (R.1111-43)
        asked = [question for question in asked if "/$explain-access" not in question[1]]
    if who.actor == "professional" and who is not PAUL:
        asked += [("GET", path, None, {}) for path in OWN_LOG]
    return asked
