"""The two readers agree on every parameter of every type: resources are made by following the
expressions of their parameters, queries are strings with modifiers, prefixes, chains and `_has`.

https://hl7.org/fhir/R4/searchparameter-registry.html

All comes from one seed (FHIR_TEST_SEED). `test_compile` asks fewer types, with more values.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random

import pytest

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.match import Found
from fhir_server.search.parameters import parameters
from fhir_server.search.parse import parse
from fhir_server.search.query import Query
from fhir_server.storage import migrate
from fhir_server.storage.engine import Database
from fhir_server.storage.rows import Named
from profiles.definitions import r4
from tests.placed import EXAMPLE, UCUM, Placed, Unplaced, placed
from tests.storage.asker import PREFIXES
from tests.storage.test_compile import Stored
from tests.storage.values import BASE, NOW, SEED, Json, Maker

QUERIES, IDS, WORDS = 3_600, "abcdefgh", "abc"
TYPES = r4().resources
CODES = tuple(r4().codes)


@cache
def made(type_: str, code: str, word: str) -> Placed | None:
    try:
        return placed(type_, code, word)
    except Unplaced:
        return None


@cache
def askable(type_: str) -> tuple[str, ...]:
    return tuple(code for code in parameters(type_) if made(type_, code, "a"))


@cache
def leading() -> dict[str, list[tuple[str, str]]]:
    """Of each type the parameters of others by which what is made here leads to it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for type_ in TYPES:
        for code in askable(type_):
            each = made(type_, code, "a")
            if each and parameters(type_)[code].type == "reference" and "://" not in each.asked:
                found.setdefault(each.asked.partition("/")[0], []).append((type_, code))
    return found


class Placer(Maker):
    """Resources that have values of about half of their parameters."""

    def resource(self, type_: str) -> Json:
        codes, resource = list(askable(type_)), None
        for code in self.random.sample(codes, max(1, len(codes) // 2)):
            try:
                resource = placed(type_, code, self.random.choice(WORDS), resource).resource
            except (Unplaced, KeyError, TypeError):  # one that stands where another one is
                continue
        return resource or {"resourceType": type_}


@dataclass
class OfEveryType(Stored):
    """Some resources of each type; the ids are those that the references lead to."""

    of_type: dict[str, list[Found]] = field(default_factory=dict)  # also within others

    def fill(self, random: Random) -> None:
        maker = Placer(random)
        for type_ in TYPES:
            with self.database.session().transaction():
                for id_ in IDS:
                    self.put(maker, type_, id_, random)
        for (type_, _), found in self.found.items():
            self.of_type.setdefault(type_, []).append(found)
            for one in found.rows.contained:
                within = Found(one.rows, "", 0, found.rows)
                self.of_type.setdefault(one.type_, []).append(within)

    def leading(self, type_: str, parameter: int, target: str, id_: str) -> Iterator[Found]:
        wanted = (parameter, target, id_)
        return (found for found in self.of_type.get(type_, ()) if wanted in found.rows.references)


@pytest.fixture
def stored(database_url: str) -> Iterator[OfEveryType]:
    database = Database(database_url)
    migrate.upgrade(database)
    every = OfEveryType(database)
    every.fill(Random(SEED))
    yield every
    database.close()
    database.engine.dispose()


class Asker:
    """Makes query strings; `asked` counts what of them there was, by kind and modifier."""

    def __init__(self, random: Random) -> None:
        self.random, self.one = random, random.choice
        self.asked: Counter[str] = Counter()

    def query(self) -> Query:
        """BadRequest for what a parameter does not have."""
        type_ = self.one(TYPES)
        pairs = [self.pair(type_) for _ in range(self.one((1, 1, 1, 1, 2, 3)))]
        return parse(type_, pairs, base=BASE, now=NOW, page_size=500, max_page=500, strict=True)

    def pair(self, type_: str, depth: int = 2) -> tuple[str, str]:
        if depth and type_ in leading() and self.random.random() < 0.1:
            source, code = self.one(leading()[type_])
            name, value = self.pair(source, depth - 1)
            return self.told("_has", f"_has:{source}:{code}:{name}"), value
        code = self.one(askable(type_))
        kind, value = parameters(type_)[code].type, self.value(type_, code)
        if self.random.random() < 0.1:
            return self.told(f"{kind}:missing", f"{code}:missing"), self.one(("true", "false"))
        if kind == "reference" and "://" not in value:
            return self.reference(code, value, depth)
        name, value = self.modified(code, kind, value)
        while kind != "composite" and self.random.random() < 0.2:
            value += "," + self.value(type_, code)
        return name, value

    def told(self, kind: str, name: str) -> str:
        self.asked[kind] += 1
        return name

    def value(self, type_: str, code: str) -> str:
        each = made(type_, code, self.one(WORDS + "d"))
        assert each is not None
        return each.asked

    def reference(self, code: str, value: str, depth: int) -> tuple[str, str]:
        target, _, id_ = value.partition("/")
        if depth and target in TYPES and self.random.random() < 0.4:
            name, further = self.pair(target, depth - 1)
            return self.told("chain", f"{code}:{target}.{name}"), further
        way = self.one(("", "", ":type", "id", "absolute", ":identifier"))
        self.told(f"reference{way}", "")
        return {
            "": (code, value), ":type": (f"{code}:{target}", id_), "id": (code, id_),
            "absolute": (code, f"{BASE}/{value}"), ":identifier": (f"{code}:identifier", id_),
        }[way]  # fmt: skip

    def modified(self, code: str, kind: str, value: str) -> tuple[str, str]:
        match kind:
            case "token":
                system, bar, rest = value.rpartition("|")
                values = {
                    "": value, ":not": value, ":text": rest[:4], "code": rest,
                    "system": system + bar,
                    ":in": self.one(CODES), ":not-in": self.one(CODES),
                    ":of-type": f"{EXAMPLE}|x|{rest}",
                }  # fmt: skip
            case "string":
                values = {"": value.upper(), "start": value[:-1], ":exact": value,
                          ":contains": value[2:]}  # fmt: skip
            case "date" | "number":
                prefix = self.one(PREFIXES)
                values = {prefix: prefix + value, "month": f"{prefix}{value}-02"}
                values = {prefix: values[prefix]} if kind == "number" else values
            case "quantity":
                prefix, number = self.one(PREFIXES), value.partition("|")[0]
                values = {prefix: prefix + value, "number": prefix + number,
                          "unit": f"{prefix}{number}000|{UCUM}|g",
                          "code": f"{number}||kg"}  # fmt: skip
            case "uri":
                values = {"": value, ":above": f"{value}/more", ":below": EXAMPLE}
            case _:
                values = {"": value}
        way = self.one(tuple(values))
        self.told(f"{kind}{way}", "")
        return code + (way if way.startswith(":") else ""), values[way]


@dataclass
class Run:
    found: list[str] = field(default_factory=list)
    pairs: int = 0
    hits: int = 0
    refused: int = 0


def compared(stored: OfEveryType, asker: Asker, queries: int = QUERIES) -> Run:
    """What the two readers see differently, and of how many pairs of query and resource."""
    run = Run()
    for n in range(queries):
        try:
            query = asker.query()
        except BadRequest:
            run.refused += 1
            continue
        named = Named(patients=("a",)) if asker.random.random() < 0.3 else Named()
        expected, got = stored.in_memory(query), stored.by_sql(query, named)
        run.pairs, run.hits = run.pairs + len(IDS), run.hits + len(expected)
        if got != (expected, len(expected)):
            run.found.append(f"query {n}: {query.path}?{query.used}: {got}, not {expected}")
    return run


def test_both_readers_find_the_same_by_every_parameter(
    stored: OfEveryType, capsys: pytest.CaptureFixture[str]
) -> None:
    asker = Asker(Random(SEED))
    run = compared(stored, asker)
    said = (f"{stored.database.dialect}, seed {SEED}: {QUERIES} queries, {run.refused} refused,"
            f" {run.pairs} pairs, {run.hits} hits")  # fmt: skip
    with capsys.disabled():
        print(said, end=" ")
    assert not run.found, (said, len(run.found), run.found[:3])
    assert run.pairs >= 20_000 and run.refused < QUERIES / 5
    assert run.pairs / 20 < run.hits < run.pairs / 2, "finds nothing, or all: compares nothing"
    assert not {"chain", "_has", "token:not", "string:contains", "composite", "uri:below"} - {
        *asker.asked
    }


def test_a_reader_that_follows_otherwise_is_noticed(
    stored: OfEveryType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "follow", lambda type_, id_: None)
    assert compared(stored, Asker(Random(SEED)), 300).found


def test_every_parameter_is_asked_of_something() -> None:
    left = {(t, code) for t in TYPES for code in parameters(t) if code not in askable(t)}
    assert left == {("Bundle", "composition"), ("Bundle", "message")}
