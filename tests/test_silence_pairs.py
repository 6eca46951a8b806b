"""Thousands of pairs of worlds, with something hidden and without it, each asked one question.

In one store the pair is made by taking the hidden thing out of all tables within a transaction that
is undone afterwards. `test_silence.py` makes whole worlds twice, and asks both hundreds of
questions; here are many more things to hide, alone and together, and every channel in its turn.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import count, cycle
from random import Random
from typing import Any

import pytest

from tests.callers import CALLERS, SEED, hidden_from, questions_of
from tests.channels import CHANNELS, ways
from tests.house import Person
from tests.questions import Question, ask
from tests.silence import Document, Script, Still

PAIRS, EACH = 2_500, 40  # on one database; of one script and caller at most
MANY = 6  # documents, whose subsets are more than anybody asks for
INDEXES = ("string", "moment", "number", "reference", "token")


@pytest.fixture
def house(database_url: str) -> Iterator[Still]:
    house = Still(database_url)
    yield house
    house.close()


class Undo(Exception):
    """Nothing of it stays."""


def answered(
    house: Still, who: Person, question: Question, without: tuple[str, ...] = ()
) -> list[tuple[str, int, Any, bytes]]:
    """The answers where nothing has one of these ids; afterwards all is as before."""
    session, found = house.database.session(), list[tuple[str, int, Any, bytes]]()
    try:
        with session.transaction():
            take_out(house, without)
            found = list(ask(house, who, [question]))
            raise Undo
    except Undo:
        return found


def take_out(house: Still, ids: tuple[str, ...]) -> None:
    session = house.database.session()
    params = {f"id{n}": id_ for n, id_ in enumerate(ids)}
    inside = ", ".join(f":{name}" for name in params)
    indexes = INDEXES if house.database.postgres else (*INDEXES, "key")
    for table in indexes if ids else ():
        of_them = f"SELECT pk FROM resource WHERE id IN ({inside})"
        session.run(f"DELETE FROM {table} WHERE pk IN ({of_them})", params)
    for table in ("resource", "history") if ids else ():
        session.run(f"DELETE FROM {table} WHERE id IN ({inside})", params)


def subsets(random: Random, unseen: list[Document]) -> Iterator[tuple[str, ...]]:
    """Ids of some of them and of their bytes, never the same twice."""
    some = random.sample(unseen, min(len(unseen), MANY))
    every = 2 ** len(some) - 1
    for chosen in random.sample(range(1, every + 1), min(EACH, every)):
        inside = [d for n, d in enumerate(some) if chosen >> n & 1]
        yield tuple(id_ for d in inside for id_ in (d.id_, d.binary))


def harmless(question: Question) -> bool:
    """It makes nothing: what fails half-way in a transaction would end the world."""
    return question[0] != "POST" or "$" in question[1]


def pairs(house: Still, random: Random) -> Iterator[tuple[str, list[Question], tuple[str, ...]]]:
    """Caller, what he may ask, and what is taken out of the world of the pair."""
    for n in count():
        script = Script(Random(SEED + 100 + n))
        house.play(script)
        for caller, who in CALLERS.items():
            hidden = hidden_from(house, who, script)
            unseen = [d for d in script.documents if d.id_ in hidden]
            asked = [q for q in questions_of(who, script, hidden) if harmless(q)]
            yield from ((caller, asked, ids) for ids in subsets(random, unseen))


def test_a_hidden_thing_is_like_none(house: Still, capsys: pytest.CaptureFixture[str]) -> None:
    random, made, by_way, turns = Random(SEED), 0, Counter[str](), cycle(CHANNELS)
    known, questions = list[Question](), dict[str, list[Question]]()
    for caller, asked, ids in pairs(house, random):
        if asked is not known:
            known, questions = asked, by_channel(asked)
        question = random.choice(questions[next(way for way in turns if way in questions)])
        whole = answered(house, CALLERS[caller], question)
        without = answered(house, CALLERS[caller], question, ids)
        assert whole == without, f"seed {SEED}, pair {made}, {caller}, without {ids}"
        made += 1
        by_way.update(ways(question))
        if made == PAIRS:
            break
    rarest, times = min(by_way.items(), key=lambda one: one[1])
    run = f"{made} pairs, {len(by_way)} channels, each {times} times or more ({rarest})"
    with capsys.disabled():
        print(f"\n{house.database.dialect}, seed {SEED}: {run}", end=" ")
    assert times >= 10


def by_channel(asked: list[Question]) -> dict[str, list[Question]]:
    found = defaultdict(list)
    for question in asked:
        for way in ways(question):
            found[way].append(question)
    return found


def test_every_channel_is_asked() -> None:
    script = Script(Random(SEED))
    hidden = frozenset(d.id_ for d in script.documents[:3])
    asked = questions_of(CALLERS["an author"], script, hidden)
    assert set(CHANNELS) - {way for question in asked for way in ways(question)} == set()
