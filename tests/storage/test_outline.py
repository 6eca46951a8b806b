"""A text of SQL that was made before is the one that would be made anew.

Queries are those of `test_compile`; nothing is asked of a database.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from fhir_server.policy.facts import subject_facts
from fhir_server.policy.rules import DMP_2022
from fhir_server.policy.scope import Scope
from fhir_server.policy.subject import INS_SYSTEMS, Coded, Subject
from fhir_server.search.query import Query, Sort, StringIs
from fhir_server.storage import find
from fhir_server.storage.find import prepared, statement
from fhir_server.storage.outline import Outline, Remembered
from fhir_server.storage.rows import Named, Rows
from tests.storage.asker import Asker
from tests.storage.test_compile import SCOPE
from tests.storage.values import NOW, SEED

DOCTOR = Subject(
    "professional", "urn:oid:1.2.250.1.71.4.2.1|810000000017", organization="urn:x|1",
    roles=(Coded("urn:oid:1.2.250.1.71.1.2.7", "10"),),
)  # fmt: skip
SORTS: tuple[tuple[Sort, ...], ...] = (
    (), (Sort("_id", "id", 0, False),), (Sort("date", "date", 7, True),),
    (Sort("title", "string", 8, False), Sort("status", "token", 9, True)),
)  # fmt: skip
WIDTHS = (2, 2, 3, 5)  # columns these are sorted by, with the id
NAMED = (
    Named(), Named(patients=("p-1",)), Named(patients=("p-2", "p-3")),
    Named(identifiers=(f"{INS_SYSTEMS[0]}|1",)), Named(resource=("Patient", "p-1")),
)  # fmt: skip


def scope(subject: Subject) -> Scope:
    return Scope.of(subject, DMP_2022, subject_facts(subject, action="read"))


SCOPES = (
    SCOPE, Scope.all_rows(because="a plain server"), scope(DOCTOR),
    scope(replace(DOCTOR, organization="")), scope(replace(DOCTOR, person="urn:y|1")),
    scope(Subject("holder", f"{INS_SYSTEMS[0]}|1")),
)  # fmt: skip


def asked(random: Random) -> tuple[Query, Callable[[], Rows], list[Any], bool]:
    """A query, rows for it (as new), where its page begins, and whether it is traced."""
    which, postgres = random.randrange(len(SORTS)), random.random() < 0.5
    last = random.choice(([], [f"v{n}" for n in range(WIDTHS[which])]))
    query = replace(Asker(random).query(), sort=SORTS[which], count=random.choice((20, 50)),
                    total=random.choice(("", "none")))  # fmt: skip
    who, named = random.choice(SCOPES), random.choice(NAMED)
    named = Named() if who.everything else named
    if find.is_by_identity(query, Rows(who, postgres, NOW, NOW, named)):
        last = last[:2]  # it is sorted by nothing that is asked for
    return query, lambda: Rows(who, postgres, NOW, NOW, named), last, postgres


def test_a_text_made_before_is_that_made_anew_with_its_values() -> None:
    random, found = Random(SEED), 0
    for _ in range(4_000):
        query, rows, last, traced = asked(random)
        before, anew = rows(), rows()
        got = prepared(query, before, last, traced=traced)
        expected = statement(query, anew, last, traced=traced)
        assert (got, before.params) == (expected, anew.params), query
        found += got[0] is not expected[0]
    assert found > 2_000, "most of these searches have a text that can be remembered"


def test_a_search_that_differs_in_values_alone_is_not_compiled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def counted(query: Query, rows: Rows, last: list[Any], *, traced: bool) -> tuple[str, int]:
        made.append(query.type_)
        return statement(query, rows, last, traced=traced)

    monkeypatch.setattr(find, "statement", counted)
    monkeypatch.setattr(find, "_texts", Remembered())
    query = asked(Random(SEED))[0]
    for number in range(3):
        where = StringIs(number, "starts", (f"text {number}",))
        prepared(replace(query, where=where), Rows(SCOPE, True, NOW, NOW), [], traced=False)
    assert len(made) == 1


def test_callers_of_other_rights_have_other_texts() -> None:
    query = asked(Random(SEED))[0]
    texts = {prepared(query, Rows(who, True, NOW, NOW), [], traced=True)[0] for who in SCOPES}
    assert len(texts) == len(SCOPES)


def test_what_an_outline_cannot_tell_is_compiled_each_time() -> None:
    assert Outline(True, frozenset()).of(StringIs(1, "contains", ("a",))) is None


def test_an_outline_whose_values_are_not_those_of_its_text_is_a_fault() -> None:
    params: dict[str, Any] = {}
    with pytest.raises(AssertionError):
        Remembered[None]().get("key", lambda: params.update(a=1), params, ([2], []))


def test_no_more_texts_are_remembered_than_memory_is_meant_for() -> None:
    texts: Remembered[None] = Remembered()
    for number in range(5_000):
        texts.get(number, lambda: None, {}, ([], []))
    assert len(texts._found) <= 1024
