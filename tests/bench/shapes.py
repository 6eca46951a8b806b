"""The shapes of searches that are measured: what is asked of a record of the corpus."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.bench.corpus import CONDITIONS, LOINC, MEASURED, RARE, UCUM, Asked

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Shape:
    """`pairs`: the parameters, for a record; `late`: a server may not offer it yet."""

    name: str
    type_: str
    pairs: Callable[[Asked], Pairs]
    late: bool = False

    def path(self, one: Asked) -> str:
        return f"{self.type_}?{urlencode(self.pairs(one))}"


def _codes(one: Asked) -> str:
    """A hundred codes: rare ones, so that as many are found in a corpus of any size."""
    first = int(one.rare[1:])
    common = [f"{RARE}|r{first + n}" for n in range(-3, 4)]
    return ",".join(common + [f"{RARE}|none{n}" for n in range(100 - len(common))])


def _often(one: Asked) -> str:
    return f"{LOINC}|{MEASURED[int(one.rare[1:]) % len(MEASURED)][0]}"


SHAPES = (
    Shape("identifier", "Patient", lambda a: [("identifier", a.ins)]),
    Shape("patient + type + status", "DocumentReference", lambda a: [
        ("patient", a.patient), ("type", f"{LOINC}|11488-4,{LOINC}|11502-2,{LOINC}|18748-4"),
        ("status", "current")]),
    Shape("patient + date, sorted", "Observation", lambda a: [
        ("patient", a.patient), ("date", "ge2018"), ("date", "lt2027"), ("_sort", "-date")]),
    Shape("two tokens, sorted, 20", "Observation", lambda a: [
        ("code", f"{RARE}|{a.rare}"), ("status", "final"), ("_sort", "-date"), ("_count", "20")]),
    Shape("two frequent tokens", "Observation", lambda a: [
        ("code", _often(a)), ("status", "final"), ("_sort", "-date"), ("_count", "20")]),
    Shape("100 codes", "Observation", lambda a: [("code", _codes(a)), ("_count", "20")]),
    Shape("patient + :not", "Observation", lambda a: [
        ("patient", a.patient), ("status:not", "preliminary")]),
    Shape(":not over all", "Observation", lambda a: [
        ("status:not", "final"), ("_count", "20"), ("_total", "none")]),
    Shape("chain: identifier", "Observation", lambda a: [("patient.identifier", a.ins)]),
    Shape("chain: name", "Observation", lambda a: [("patient.family", a.family.lower())]),
    Shape("chain + code", "Observation", lambda a: [
        ("code", f"{RARE}|{a.rare}"), ("patient.family", a.family[:6].lower())]),
    Shape("_has", "Patient", lambda a: [
        ("_has:Observation:patient:code", f"{RARE}|{a.rare}")], late=True),
    Shape("_include + _revinclude", "Encounter", lambda a: [
        ("patient", a.patient), ("_include", "Encounter:patient"),
        ("_revinclude", "Observation:encounter")], late=True),
    Shape("quantity range + code", "Observation", lambda a: [
        ("code", f"{RARE}|{a.rare}"), ("value-quantity", f"gt1|{UCUM}|mg"),
        ("value-quantity", f"lt9|{UCUM}|mg")]),
    Shape("quantity alone, rare", "Observation", lambda a: [
        ("value-quantity", f"gt105|{UCUM}|/min"), ("_count", "20")]),
    Shape("string starts", "Patient", lambda a: [("family", a.family.lower())]),
    Shape("string contains", "Patient", lambda a: [("family:contains", a.family[2:].lower())]),
    Shape("words", "Patient", lambda a: [("_content", a.family.lower())], late=True),
    Shape("date + code", "Condition", lambda a: [
        ("code", CONDITIONS[-1]), ("onset-date", "ge2026-06"), ("_count", "20")]),
    Shape("newest of a type", "Observation", lambda a: [("_count", "20"), ("_total", "none")]),
    Shape("newest, sorted by date", "Observation", lambda a: [
        ("_sort", "-date"), ("_count", "20"), ("_total", "none")]),
    Shape("last changed", "Observation", lambda a: [
        ("_lastUpdated", "ge2026-11"), ("_count", "20")]),
    Shape("count only", "Observation", lambda a: [
        ("code", f"{RARE}|{a.rare}"), ("_summary", "count")]),
    Shape("count only, frequent", "Observation", lambda a: [
        ("code", _often(a)), ("_summary", "count")]),
)  # fmt: skip
