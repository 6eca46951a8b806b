"""What is hidden leaves no trace: every answer is the same as if it had never been stored.

`contract.md` section 5. For each kind of caller a generated record is made twice by the same
requests, whole and without what is hidden from him, and both are asked the same questions: a third
of all, another for each caller and each database.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import count, zip_longest
from random import Random
from typing import Any

import pytest

from tests.callers import CALLERS, SEED, hidden_from, questions_of
from tests.house import BRUNO, CNAM, LUCIEN, NINA, PAUL, Person
from tests.leaks import LEAKS, leaking
from tests.questions import Question, ask
from tests.silence import Document, Script, Still


@pytest.fixture
def house(database_url: str) -> Iterator[Still]:
    house = Still(database_url)
    yield house
    house.close()


def differences(
    house: Still, who: Person, script: Script, only: str = "", every: int = 1, first: int = 0,
    asking: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> tuple[list[Any], int, int]:
    """The answers that differ between the two worlds; how many ids are hidden, how many answers.

    `only`: the questions that begin so; `every`: so many of them apart, from the `first`;
    `asking`: within which they are asked.
    """
    house.play(script)
    hidden = hidden_from(house, who, script)
    some = questions_of(who, script, hidden)[first % every :: every]
    asked = [one for one in some if f"{one[0]} {one[1]}".startswith(only)]
    with asking():
        whole = list(ask(house, who, asked))
    house.play(script, hidden)
    with asking():
        without = list(ask(house, who, asked))
    found = [pair for pair in zip_longest(whole, without) if pair[0] != pair[1]]
    return found, len(hidden), len(whole)


@pytest.mark.parametrize("caller", CALLERS)
def test_what_is_hidden_leaves_no_trace(
    house: Still, caller: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = list(CALLERS).index(caller)
    seed, first = SEED + place, place + house.database.postgres
    script = Script(Random(seed))
    found, hidden, asked = differences(house, CALLERS[caller], script, every=3, first=first)
    run = f"{house.database.dialect}, seed {seed}, {caller}: {hidden} hidden, {asked} answers"
    with capsys.disabled():
        print(f"\n{run}", end=" ")
    assert not found, (run, f"{len(found)} answers differ", found[0])


# The comparison notices a leak.


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_noticed(house: Still, leak: str) -> None:
    def leaky() -> AbstractContextManager[None]:
        return leaking(leak)

    script, asked = Script(Random(SEED)), LEAKS[leak][1]
    assert differences(house, NINA, script, only=asked, asking=leaky)[0]


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
