"""Two readers of a search agree: SQL over the store finds what `search.match` finds in memory.

https://hl7.org/fhir/R4/search.html

Resources and queries come from one seed (FHIR_TEST_SEED); values are few, so that they meet.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from fhir_server.fhir.json_format import write as write_json
from fhir_server.policy.condition import ALWAYS
from fhir_server.policy.facts import SHARED, subject_facts
from fhir_server.policy.rules import PERMIT, READ, Rule, RuleSet
from fhir_server.policy.scope import Scope
from fhir_server.policy.subject import Subject
from fhir_server.search.extract import Index, extract
from fhir_server.search.match import Found, matches
from fhir_server.search.parameters import parameters
from fhir_server.search.parse import parse
from fhir_server.search.query import Criterion, Not, Query
from fhir_server.storage import find as searching
from fhir_server.storage import migrate, write
from fhir_server.storage.compile import Compiler
from fhir_server.storage.engine import Database
from fhir_server.storage.find import find
from fhir_server.storage.rows import Named, Rows
from fhir_server.storage.write import New
from tests.storage.elements import ELEMENTS

SEED = int(os.environ.get("FHIR_TEST_SEED", "20261124"))
QUERIES = 2_000
BASE = "http://127.0.0.1:8080/fhir"
NOW, DAY = 1_795_521_600_000, 86_400_000  # 2026-11-24T12:00:00Z
# Everything is visible; a record that is named says only that rows are probed one by one.
RULES = RuleSet("everything", (Rule("all", PERMIT, READ, ALWAYS, "", ""),))
ANYBODY = Subject("operator", "urn:a|1")
SCOPE = Scope.of(ANYBODY, RULES, subject_facts(ANYBODY, action="read"))
NO_INDEX = Index(frozenset(), (), (), (), ())

WORDS = ["Anne", "ANNÉE", "Élise", "Œuvre", "oeuvre", "de la", "deux  mots", "x_y%", "Zö😀", "';"]
SYSTEMS = ["urn:a", "http://b.example/c", "urn:x|y"]
CODES = ["1", "A", "a", "A,b", "c$d"]
DATES = ["2024", "2024-02", "2024-02-29", "2024-03-01", "2025", "2026-11-24", "1950-12"]
TIMES = ["2024-02-29T10:00:00Z", "2024-02-29T23:30:00+01:00", "2026-11-24T12:00:00.5Z"]
NUMBERS = ["0", "1", "1.0", "1.05", "-3", "100", "99.6", "1e2", "0.001", "1e300"]
UNITS, UCUM = ["mg", "kg"], "http://unitsofmeasure.org"
FEW = {
    "word": WORDS, "system": SYSTEMS, "code": CODES, "unit": UNITS, "date": DATES, "time": TIMES,
    "when": DATES + TIMES,
}  # fmt: skip
COUNTS = {
    "DocumentReference": 26, "Patient": 14, "Observation": 22, "List": 14, "Consent": 10,
    "ChargeItem": 10, "ValueSet": 8, "MolecularSequence": 10,
}  # fmt: skip
TYPES = tuple(COUNTS)
ASKED = {
    "DocumentReference": "identifier status type category patient subject date description"
    " security-label relatesto relation relationship period period-start isArchived creation",
    "Patient": "identifier name family given birthdate gender address address-city",
    "Observation": "status code subject patient identifier has-member date value-quantity"
    " value-concept value-string combo-value-quantity code-value-quantity code-value-concept"
    " component-code-value-quantity component-code-value-concept combo-code-value-quantity",
    "List": "status title code subject patient date item isArchived",
    "Consent": "status scope category patient date period data",
    "ChargeItem": "code subject patient factor-override quantity price-override",
    "ValueSet": "status url title date",
    "MolecularSequence": "chromosome variant-start chromosome-variant-coordinate"
    " referenceseqid-variant-coordinate",
}
LEADING = {
    "Patient": ("DocumentReference.patient", "Observation.subject", "List.subject"),
    "DocumentReference": ("List.item", "Consent.data", "DocumentReference.relatesto"),
}
STATUSES = ["current", "final", "active", "male", "replaces", "true"]
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
MODIFIERS = {
    "token": ("", "", "", ":not", ":text"), "uri": ("", ":above", ":below"),
    "string": ("", "", ":exact", ":contains"),
}  # fmt: skip
ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
SUFFIXES = ["", "", "", "||mg", f"|{UCUM}|kg", "|urn:iso:std:iso:4217|EUR"]

Json = dict[str, Any]


class Maker:
    """Makes resources out of few values; `random` decides everything."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def resource(self, type_: str) -> Json:
        return {"resourceType": type_} | self.some(ELEMENTS[type_])

    def some(self, elements: str, chance: float = 0.75) -> Json:
        """An object with each element by chance."""
        kinds = [element.split(":") for element in elements.split()]
        return {name: self.value(k) for name, k in kinds if self.random.random() < chance}

    def value(self, kind: str) -> Any:
        if kind.endswith("*"):
            return [self.value(kind[:-1]) for _ in range(self.random.choice((1, 1, 2)))]
        if "/" in kind:
            return self.random.choice(kind.split("/"))
        if kind in FEW:
            return self.random.choice(FEW[kind])
        if kind in COUNTS:
            return self.to(kind)
        return self.some(ELEMENTS[kind]) if kind in ELEMENTS else getattr(self, kind)()

    def archived(self) -> Json:
        return {"url": ARCHIVED, "valueBoolean": self.random.random() < 0.5}

    def number(self) -> Decimal:
        return Decimal(self.random.choice(NUMBERS))

    def whole_number(self) -> int:
        return self.random.randrange(6)

    def period(self) -> Json:
        start, end = sorted(self.random.choices(DATES, k=2))
        return self.random.choice([{"start": start}, {"end": end}, {"start": start, "end": end}])

    def quantity(self) -> Json:
        coded = {"system": UCUM, "code": self.value("unit")} if self.random.random() < 0.5 else {}
        found = {"value": self.number(), "unit": self.value("unit")} | coded
        return found | self.some("comparator:</<=/>/>=", 0.2)

    def to(self, type_: str) -> Json:
        """A reference to a resource that may exist, may not, or is elsewhere; or a logical one."""
        address = f"{type_}/{type_.lower()}-{self.random.randrange(COUNTS[type_] + 2)}"
        literal = [address] * 7 + [f"{BASE}/{address}", f"http://elsewhere.example/{address}"]
        chosen = self.random.choice([*literal, ""])
        return {"reference": chosen} if chosen else {"identifier": self.value("identifier")}


@dataclass
class Stored:
    """One database and the same resources in memory: those not deleted."""

    database: Database
    found: dict[tuple[str, str], Found] = field(default_factory=dict)

    def fill(self, random: Random) -> None:
        """Some resources have a second version, some are deleted."""
        maker, session = Maker(random), self.database.session()
        for type_, count in COUNTS.items():
            for n in range(count):
                with session.transaction():
                    self.put(maker, type_, f"{type_.lower()}-{n}", random)

    def put(self, maker: Maker, type_: str, id_: str, random: Random) -> None:
        session, address = self.database.session(), (type_, id_)
        steps = random.choice(("P", "P", "P", "PP", "PD", "PDP"))
        pk = None
        for version, step in enumerate(steps, 1):
            updated, resource = NOW + random.randrange(-400, 5) * DAY, maker.resource(type_)
            index = extract(resource, base=BASE) if step == "P" else NO_INDEX
            new = New(
                record=SHARED, type_=type_, id_=id_, version=version, updated=updated,
                method="PUT" if step == "P" else "DELETE", body=write_json(resource),
            )
            if pk is None:
                pk = write.insert(session, new, index, base=BASE)
                assert pk is not None
            else:
                assert write.replace(session, pk, new, index, base=BASE)
            self.found[address] = (index, id_, updated)
        if steps[-1] == "D":
            del self.found[address]

    def by_sql(self, query: Query, named: Named) -> tuple[list[str], int]:
        rows = Rows(SCOPE, self.database.postgres, NOW, NOW, named)
        found = find(self.database.session(), rows, query, [], None)
        return sorted(version.id_ for version in found.versions), found.total

    def in_memory(self, query: Query) -> list[str]:
        def meets(index: Index, id_: str, updated: int) -> bool:
            where, follow, leading = query.where, self.follow, self.leading
            return matches(where, index, id_=id_, updated=updated, follow=follow, leading=leading)

        return sorted(
            id_ for (type_, id_), found in self.found.items()
            if type_ == query.type_ and meets(*found)
        )

    def follow(self, type_: str, id_: str) -> Found | None:
        return self.found.get((type_, id_))

    def leading(self, type_: str, parameter: int, target: str, id_: str) -> Iterator[Found]:
        for (found_type, _), found in self.found.items():
            rows = found[0].references
            if found_type == type_ and (parameter, target, id_) in rows:
                yield found


@pytest.fixture
def stored(database_url: str) -> Iterator[Stored]:
    database = Database(database_url)
    migrate.upgrade(database)
    made = Stored(database)
    made.fill(Random(SEED))
    yield made
    database.close()
    database.engine.dispose()


class Asker:
    """Makes queries; values come from the same few as the resources'."""

    def __init__(self, random: Random) -> None:
        self.random, self.one = random, random.choice

    def query(self) -> Query:
        type_ = self.one(TYPES)
        pairs = [self.pair(type_) for _ in range(self.one((1, 1, 1, 2, 2, 3)))]
        found = parse(type_, pairs, base=BASE, now=NOW, page_size=500, max_page=500, strict=True)
        return replace(found, where=self.wrapped(found.where))

    def wrapped(self, where: Criterion) -> Criterion:
        """Now and then what no query string says: the negation."""
        return Not(where) if self.random.random() < 0.08 else where

    def pair(self, type_: str, depth: int = 2) -> tuple[str, str]:
        if depth and type_ in LEADING and self.random.random() < 0.1:
            source, _, code = self.one(LEADING[type_]).partition(".")
            name, value = self.pair(source, depth - 1)
            return f"_has:{source}:{code}:{name}", value
        if self.random.random() < 0.03:
            return "_list", self.alternatives(lambda: self.id_of("List"))
        code = self.one([*ASKED[type_].split(), "_id", "_lastUpdated"])
        if self.random.random() < 0.1:
            return f"{code}:missing", self.one(("true", "false"))
        if code in ("_id", "_lastUpdated"):
            ask = self.date if code == "_lastUpdated" else lambda: self.id_of(type_)
            return code, self.alternatives(ask)
        kind = parameters(type_)[code].type
        if kind == "reference":
            targets = parameters(type_)[code].targets or TYPES
            target = self.one([target for target in targets if target in COUNTS])
            chained = depth and self.random.random() < 0.5
            return self.chain(code, target, depth) if chained else self.reference(code, target)
        modifier = self.one(MODIFIERS.get(kind, ("",)))
        if kind == "composite":
            return code, self.alternatives(lambda: self.composite(code))
        if modifier in (":exact", ":text"):
            return code + modifier, self.alternatives(lambda: escaped(self.one(WORDS)))
        return code + modifier, self.alternatives(getattr(self, kind))

    def alternatives(self, value: Callable[[], str]) -> str:
        return ",".join(value() for _ in range(self.one((1, 1, 1, 2, 3))))

    def chain(self, code: str, target: str, depth: int) -> tuple[str, str]:
        name, value = self.pair(target, depth - 1)
        through = self.one((code, f"{code}:{target}")) if code == "patient" else f"{code}:{target}"
        return f"{through}.{name}", value

    def reference(self, code: str, target: str) -> tuple[str, str]:
        system, value = escaped(self.one(SYSTEMS)), escaped(self.one(CODES))
        if self.random.random() < 0.2:
            return f"{code}:identifier", f"{system}|{value}"
        if self.random.random() < 0.2:
            return f"{code}:{target}", self.alternatives(lambda: self.id_of(target))
        start = self.one(("", "/", f"{BASE}/", "http://elsewhere.example/"))
        start = start and f"{start.removeprefix('/')}{target}/"
        return code, self.alternatives(lambda: start + self.id_of(target))

    def id_of(self, type_: str) -> str:
        return f"{type_.lower()}-{self.random.randrange(COUNTS[type_] + 2)}"

    def token(self) -> str:
        word, system = escaped(self.one(CODES + STATUSES)), escaped(self.one(SYSTEMS))
        return self.one((word, word, f"{system}|{word}", f"|{word}", f"{system}|"))

    def string(self) -> str:
        return escaped(self.one(WORDS))[self.one((0, 1)):][: self.one((1, 3, 9))]

    def date(self) -> str:
        return self.one(PREFIXES) + self.one(DATES + TIMES)

    def number(self) -> str:
        return self.one(PREFIXES) + self.one(NUMBERS)

    def quantity(self) -> str:
        return self.number() + self.one(SUFFIXES)

    def uri(self) -> str:
        return escaped(SYSTEMS[1]) + self.one(("", "/d"))

    def composite(self, code: str) -> str:
        if code == "relationship":
            return f"{self.id_of('DocumentReference')}${self.one(('replaces', 'appends'))}"
        if "coordinate" in code:
            ends = [self.one(PREFIXES) + str(self.random.randrange(6)) for _ in "12"]
            return "$".join([escaped(self.one(CODES)), *ends])
        coded = self.one((escaped(self.one(CODES)), f"{SYSTEMS[0]}|1"))
        return f"{coded}${self.quantity() if 'quantity' in code else self.token()}"


def escaped(text: str) -> str:
    for mark in ("\\", ",", "|", "$"):
        text = text.replace(mark, "\\" + mark)
    return text


def disagreements(stored: Stored) -> tuple[list[str], int, int]:
    """What the two readers see differently; how many pairs of query and resource, and matches."""
    random = Random(SEED)
    asker, found, pairs, hits = Asker(random), [], 0, 0
    for n in range(QUERIES):
        query = asker.query()
        named = Named(patients=("patient-1",)) if random.random() < 0.3 else Named()
        expected, got = stored.in_memory(query), stored.by_sql(query, named)
        pairs, hits = pairs + COUNTS[query.type_], hits + len(expected)
        if got != (expected, len(expected)):
            asked = f"{query.type_}?{query.used} {named} {query.where}"
            found.append(f"query {n}: {asked}: {got}, not {expected}")
    return found, pairs, hits


def test_sql_finds_what_the_reader_in_memory_finds(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    found, pairs, hits = disagreements(stored)
    run = f"{stored.database.dialect}, seed {SEED}: {QUERIES} queries, {pairs} pairs, {hits} hits"
    with capsys.disabled():
        print(run, end=" ")
    assert not found, (run, found[:3])
    assert pairs / 20 < hits < pairs / 2, "queries that find nothing, or all, compare nothing"


def test_a_reader_that_reads_otherwise_is_noticed(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(self: Compiler, _: str, low: float, __: float, bounds: dict[str, str]) -> str:
        return f"{next(iter(bounds.values()))} >= {self.rows.add('low', low)}"

    monkeypatch.setattr(Compiler, "_bounded", shifted)
    monkeypatch.setattr(searching, "prepared", searching.statement)  # texts of before are no help
    assert disagreements(stored)[0]
