"""What storage promises of histories, the same on every database: a model in memory says what they
are.

https://hl7.org/fhir/R4/http.html#history
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from threading import Event, Thread
from typing import Any, NamedTuple

import pytest

from fhir_server.fhir.outcome import Gone, NotFound
from fhir_server.policy.subject import Subject
from fhir_server.storage.engine import Database
from fhir_server.storage.history import Wanted, statement
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Draft
from tests.stores import ANYBODY, NOW, versions, writing

TYPES = ("Observation", "Basic")


class Made(NamedTuple):
    """One version, as the model knows it."""

    updated: int
    type_: str
    id_: str
    version: int
    method: str

    @property
    def address(self) -> tuple[str, str]:
        return self.type_, self.id_


@dataclass
class Model:
    """What has been written, in a list; and the same in the database."""

    database: Database
    made: list[Made] = field(default_factory=list)

    def versions(self, type_: str, id_: str) -> list[Made]:
        return [one for one in self.made if one.address == (type_, id_)]

    def write(self, type_: str, id_: str, now: int, *, delete: bool = False) -> None:
        """A further version: a creation, a change, a deletion, a return."""
        stored, before = writing(self.database, now=now), self.versions(type_, id_)
        draft = Draft({"resourceType": type_, "code": {"text": str(len(before))}})
        with stored.session.transaction():
            if not before:
                done, method = stored.create(draft, id_), "POST"
            elif delete and before[-1].method != "DELETE":
                done, method = stored.delete(stored.read(type_, id_)), "DELETE"
            else:
                done, method = stored.update(versions(stored, type_, id_)[0], draft), "PUT"
        self.made.append(Made(now, type_, id_, done.version.version, method))

    def current(self, one: Made, low: int, high: int) -> bool:
        """Whether there was a millisecond in [low, high) in which this was the newest version."""
        later = [v.updated for v in self.versions(*one.address) if v.version == one.version + 1]
        return max(one.updated, low) < min([*later, high])

    def history(self, wanted: Wanted) -> list[Made]:
        found = [
            one for one in self.made
            if wanted.type_ in ("", one.type_) and wanted.id_ in ("", one.id_)
            and (wanted.since is None or one.updated >= wanted.since)
            and (wanted.at is None or self.current(one, *wanted.at))
        ]  # fmt: skip
        return sorted(found, key=lambda one: one.version if wanted.id_ else one, reverse=True)


def known(version: Version) -> Made:
    return Made(version.updated, version.type_, version.id_, version.version, version.method)


def walk(
    database: Database,
    wanted: Wanted,
    between: Callable[[int], None] = lambda n: None,
    who: Subject = ANYBODY,
) -> tuple[list[Made], list[int]]:
    """The versions on all pages, and the total each told; `between` is called after each page."""
    found, totals = list[Made](), list[int]()
    while True:
        stored = writing(database, who=who)
        page = stored.history(wanted)
        found += [known(version) for version in page.versions]
        totals.append(page.total)
        cursor = stored.cursor_after(page, wanted.asked)
        if not cursor:
            return found, totals
        between(len(totals))
        wanted = replace(wanted, cursor=cursor)


def asked(type_: str = "", id_: str = "", count: int = 500, **more: Any) -> Wanted:
    return Wanted(type_, id_, count, ("path", ()), **more)


def grow(model: Model, random: Random, now: int, writes: int) -> int:
    """Some more versions, several of them in one millisecond; the time after."""
    for _ in range(writes):
        now += random.choice((0, 0, 1, 3))
        model.write(
            random.choice(TYPES), random.choice("aBcd"), now, delete=random.random() < 0.3
        )
    return now


def questions(random: Random, now: int) -> Iterator[Wanted]:
    for type_, id_ in (("", ""), ("Observation", ""), ("Basic", ""), ("Basic", "a")):
        low = random.randrange(NOW - 2, now + 3)
        yield asked(type_, id_)
        yield asked(type_, id_, since=low)
        yield asked(type_, id_, at=(low, low + random.choice((1, 2, 10, 1000))))
        yield asked(type_, id_, since=low - 3, at=(low, low + 2))


@pytest.mark.parametrize("seed", range(4))
def test_a_history_is_what_was_written(database: Database, seed: int) -> None:
    random, model, now = Random(seed), Model(database), NOW
    for id_ in "aBcd":
        model.write("Basic", id_, now)
    for _ in range(12):
        now = grow(model, random, now, 5)
        for wanted in questions(random, now):
            expected = model.history(wanted)
            assert walk(database, wanted) == (expected, [len(expected)]), wanted
            paged, totals = walk(database, replace(wanted, count=random.randrange(1, 9)))
            assert (paged, set(totals)) == (expected, {len(expected)}), wanted


def test_of_what_was_never_there_there_is_no_history(database: Database) -> None:
    with pytest.raises(NotFound):
        writing(database).history(asked("Basic", "never"))


def test_no_versions_are_told_when_the_total_alone_is_wanted(database: Database) -> None:
    model = Model(database)
    model.write("Basic", "a", NOW)
    page = writing(database).history(asked(count=0))
    assert (page.total, page.versions, page.last) == (1, [], [])


@pytest.mark.parametrize("of", [("", ""), ("Basic", ""), ("Basic", "a")], ids=str)
def test_pages_stay_stable_while_others_write(
    database: Database, other: Database, of: tuple[str, str]
) -> None:
    model = Model(other)
    for n in range(20):
        model.write("Basic", "abc"[n % 3], NOW + n // 2, delete=n % 7 == 6)
    wanted = asked(*of, count=3)
    expected = model.history(wanted)

    def write(n: int) -> None:
        for id_ in ("a", "b", "c", f"new{n}"):  # what was current becomes past
            model.write("Basic", id_, NOW + 100 + n, delete=n % 2 == 0)

    assert walk(database, wanted, write) == (expected, [len(expected)] * -(-len(expected) // 3))


def test_pages_are_whole_while_many_write_at_once(database: Database, database_url: str) -> None:
    model, done = Model(database), Event()
    for n in range(30):
        model.write("Basic", "abc"[n % 3], NOW + n)
    expected = model.history(asked("Basic"))

    def write(ids: str) -> None:
        own = Database(database_url)
        mine = Model(own, list(model.made))
        for n in range(300):
            mine.write("Basic", ids[n % len(ids)], NOW + 1000 + n, delete=n % 5 == 0)
            if done.is_set():
                break
        own.close()

    writers = [Thread(target=write, args=(ids,)) for ids in ("ab", "c", "new")]
    for writer in writers:
        writer.start()
    walks = [walk(database, asked("Basic", count=4)) for _ in range(5)]
    done.set()
    for writer in writers:
        writer.join()
    for found, totals in walks:
        assert [one for one in found if one.updated < NOW + 1000] == expected
        assert len(set(found)) == len(found) and len(set(totals)) == 1


def refused(database: Database, wanted: Wanted, who: Subject = ANYBODY) -> bool:
    try:
        writing(database, who=who).history(wanted)
    except Gone as refusal:
        return refusal.status == 410
    return False


def test_a_cursor_is_good_for_its_caller_and_request_alone(database: Database) -> None:
    model = Model(database)
    for n in range(5):
        model.write("Basic", "a", NOW + n)
    stored, wanted = writing(database), asked("Basic", count=2)
    cursor = stored.cursor_after(stored.history(wanted), wanted.asked)
    wanted = replace(wanted, cursor=cursor)
    assert not refused(database, wanted)
    assert refused(database, wanted, Subject("operator", "urn:somebody|2"))
    assert refused(database, replace(wanted, asked=("other", ())))
    assert refused(database, replace(wanted, asked=("path", (("_count", "2"),))))
    for bad in ("x", "é", "A" * 200, cursor[:-4], cursor + "AAAA"):
        assert refused(database, replace(wanted, cursor=bad)), bad


# The way of a page through the database.

MANY = 20_000


def fill(database: Database) -> None:
    """Many resources of two types, each with a past version."""
    session = database.session()
    if database.postgres:
        numbers, keys = f"generate_series(1, {MANY}) AS v(n)", (", keys", ", '{}'")
    else:
        each = f"WITH RECURSIVE v(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM v WHERE n < {MANY})"
        numbers, keys = f"({each} SELECT n FROM v) v", ("", "")
    common = "record, type, id, version, updated, deleted, method, media, body"
    facts = ", masked, veiled_until, veiled_representatives, owners, linked"
    values = "-1, CASE n % 50 WHEN 0 THEN 'Basic' ELSE 'Observation' END, 'r' || n, {0}, {0} * n"
    values += ", false, 'PUT', '', ''"
    session.run(
        f"INSERT INTO resource ({common}{facts}{keys[0]}) SELECT {values.format(2)}"
        f", false, 0, false, '', false{keys[1]} FROM {numbers}", {},
    )  # fmt: skip
    session.run(f"INSERT INTO history ({common}) SELECT {values.format(1)} FROM {numbers}", {})
    if database.postgres:
        session.run("VACUUM ANALYZE", {})


@pytest.mark.parametrize(
    ("of", "index"),
    [("", "_time"), ("Basic", "_updated")],
    ids=["everything", "a type"],
)
def test_a_page_goes_down_an_index_however_much_there_is(
    database: Database, of: str, index: str
) -> None:
    fill(database)
    stored, wanted = writing(database), asked(of, count=20)
    last = [2 * MANY, MANY, "Basic", "r1", 1]
    rows = stored.rows()
    explain = "EXPLAIN " if database.postgres else "EXPLAIN QUERY PLAN "
    lines = stored.session.rows(explain + statement(rows, wanted, last), rows.params)
    plan = "\n".join(str(line[-1]) for line in lines)
    for table in ("resource", "history"):
        assert f"{table}{index}" in plan, plan
    assert "Seq Scan" not in plan and "SCAN resource" not in plan and "SCAN history" not in plan
