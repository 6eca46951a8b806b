"""The law asked in generated cases, over HTTP, beside a third reader that is written here from the
contract alone: how somebody stands to a record (teams, consents, oppositions, named directly, by
establishment or by CareTeam, each for some days), in which way they ask, and when.

    FHIR_TEST_SEED=7 .venv/bin/pytest tests/law/test_generated.py
"""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count, repeat
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.house import CNAM, OTTO, PAUL, House, Person
from tests.people import consent, logical, stored, team
from tests.policy.record import Record, made

SEED = int(os.environ.get("FHIR_TEST_SEED", "20261124"))
CASES, TIMES = 25, 5  # of each day of DAYS; moments of each case
PARIS = ZoneInfo("Europe/Paris")
# In winter and in summer, and when the clocks change.
DAYS = tuple(map(date.fromisoformat, ("2026-12-01", "2027-03-28", "2027-07-14", "2027-10-31")))
CLINIC = Person("system", OTTO.organization, "Clinique")

# What may be said of somebody: the kind it makes them, and the code of the consent.
CONSENTS = {
    "consented": "dmp-pro-access", "equivalent": "dmp-attending-equivalent",
    "blocked": "dmp-pro-block", "opposed": "dmp-team-opposition",
    "no break-glass": "dmp-emergency-opposition", "no centre 15": "dmp-centre15-opposition",
}  # fmt: skip
BY_TEAM = ("consented", "opposed")
OF_ALL = ("no break-glass", "no centre 15")
MODES = ("normal", "bris_de_glace", "centre_15")


@dataclass(frozen=True)
class Said:
    """Somebody is `kind`, by `way`, from the first day to the last (None: without an end)."""

    kind: str
    way: str
    first: date | None
    last: date | None

    def holds(self, at: int) -> bool:
        begins = midnight(self.first) if self.first else at
        ends = midnight(self.last + timedelta(days=1)) if self.last else at + 1
        return begins <= at < ends

    @property
    def period(self) -> dict[str, str]:
        ends = {"start": self.first, "end": self.last}
        return {name: day.isoformat() for name, day in ends.items() if day}


def midnight(day: date) -> int:
    """The beginning of a day in Paris, in milliseconds."""
    there = datetime(day.year, day.month, day.day, tzinfo=PARIS)
    return int(there.astimezone(UTC).timestamp()) * 1000


def a_case(random: Random, day: date) -> list[Said]:
    found = []
    for _ in range(random.randrange(1, 5)):
        kind = random.choice(("team", *CONSENTS))
        ways = ["person", "house", *(["team"] if kind in BY_TEAM else []),
                *(["everybody"] if kind in OF_ALL else [])]  # fmt: skip
        days = sorted(day + timedelta(days=random.randrange(-1, 2)) for _ in range(2))
        first, last = (one if random.random() < 0.7 else None for one in days)
        found.append(Said(kind, random.choice(ways), first, last))
    return found


def tell(record: Record, said: Said) -> None:
    """Write it: by the operator, or by the holder."""
    whom = {"person": [OTTO], "house": [CLINIC], "everybody": []}
    if said.kind == "team":
        body = team(record.id)
        more = {"period": said.period} if said.period else {}
        body["participant"] = [{"member": logical(whom[said.way][0])} | more]
        stored(record.house.post("CareTeam", CNAM, body))
        return
    period = {"period": said.period} if said.period else {}
    denies = said.kind not in ("consented", "equivalent")
    people = whom.get(said.way, [OTTO])
    body = consent(record.id, CONSENTS[said.kind], *people, deny=denies, **period)
    if said.way == "team":
        id_ = stored(record.house.post("CareTeam", CNAM, team(record.id, OTTO)))
        body["provision"]["actor"][0]["reference"] = {"reference": f"CareTeam/{id_}"}
    stored(record.house.post("Consent", record.holder, body))


def standing(case: list[Said], at: int) -> set[str]:
    """What somebody is to the record then; who is of a CareTeam that is named is of it always."""
    named = {"team" for said in case if said.way == "team"}
    return named | {said.kind for said in case if said.holds(at)}


def asking(record: Record, mode: str) -> Person:
    return OTTO.but(purpose=mode, reason="unconscious", patient=record.holder.sub)


def reads(held: set[str], mode: str) -> bool:
    """Whether another's document is read: contract 7, access-rules.csv."""
    if "blocked" in held:  # R100, R102
        return False
    if mode == "normal":  # R085 wins over R080, R090, R063
        return "opposed" not in held and bool(held & {"team", "consented", "equivalent"})
    if "equivalent" in held:  # R063, whatever the mode
        return True
    against = "no break-glass" if mode == "bris_de_glace" else "no centre 15"
    return against not in held  # R110, R111, R120, R121


def deposits(held: set[str], mode: str) -> bool:
    """R042, R101, R122; what opposes emergencies hinders no deposit."""
    return mode != "centre_15" and not held & {"blocked", "opposed"}


def moments(random: Random, day: date) -> list[int]:
    """Where something begins or ends, and just before; and sometime."""
    bounds = [midnight(day + timedelta(days=n)) for n in range(-1, 3)]
    ends = [bound - before for bound in bounds for before in (0, 1)]
    return random.sample(ends, TIMES - 1) + [bounds[1] + random.randrange(86_400_000)]


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_every_case_is_answered_as_the_contract_says(house: House, day: date) -> None:
    random, answers = Random(f"{SEED} {day}"), list[bool]()
    for n in range(CASES):
        case, record = a_case(random, day), made(house, [], doctor=PAUL)
        id_ = record.deposited(PAUL)
        for said in case:
            tell(record, said)
        back = house.now
        for at in moments(random, day):
            held = standing(case, at)
            house.now, house._seconds = at, repeat(0)  # type: ignore[assignment]
            for mode in MODES:
                who = asking(record, mode)
                found: tuple[Any, Any] = record.read(who, id_).status, record.find(who).status
                right = (200, 200) if reads(held, mode) else (404, 403)
                answers.append(reads(held, mode))
                assert found == right, (SEED, n, case, at, mode, held)
        mode = random.choice(MODES)  # last, for it makes an author
        fed = record.deposit(asking(record, mode)).status
        assert fed == (201 if deposits(held, mode) else 403), (SEED, n, case, at, mode, held)
        house.now, house._seconds = back, count(1)
    assert len(answers) / 5 < sum(answers) < len(answers) * 4 / 5
