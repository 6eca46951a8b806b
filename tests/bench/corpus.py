"""Invented records for measuring searches: any number of patients, thirteen resources each.

Patient `n` of a seed is the same whatever the number of patients, and so are the numbers that a
search finds: a doctor has PANEL patients, a rare code stands in as many observations, however large
the corpus is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

from mappings.identifiers import ins_key
from tests.house import INS, PS, STRUCTURE
from tests.people import consent, patient, team

Resource = dict[str, Any]

PANEL = 100  # patients of one doctor
TEAM = 4  # professionals around a patient
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
RARE = "https://fhir-server.example/fhir/CodeSystem/rare"
VISIBILITY = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/"
    "TRE-A07-StatutVisibiliteDocument"
)
# Code, unit, mean and deviation of what is measured often.
MEASURED = (
    ("8867-4", "/min", 74, 12), ("8480-6", "mm[Hg]", 128, 18), ("8462-4", "mm[Hg]", 78, 11),
    ("29463-7", "kg", 71, 14), ("8310-5", "Cel", 37, 1), ("2339-0", "mg/dL", 98, 22),
    ("4548-4", "%", 6, 1), ("718-7", "g/dL", 14, 2), ("2160-0", "mg/dL", 1, 1),
    ("2093-3", "mg/dL", 190, 35), ("2571-8", "mg/dL", 130, 50), ("2951-2", "mmol/L", 140, 3),
)  # fmt: skip
OTHER_CODES = 400  # measured seldom: the k-th one, k times less often than the first
DOCUMENTS = ("11488-4", "11502-2", "18748-4", "60591-5", "57133-1", "34117-2")
CONDITIONS = tuple(f"{letter}{number:02}" for letter in "ABCEFGIJKMN" for number in range(0, 90, 3))
SYLLABLES = "ba be bo da de du fa fi go gu la le lo ma mi na ne ra ri ro sa se ta ti va vi".split()
GIVEN = "Camille Louise Jade Emma Alice Lina Adam Gabriel Louis Jules Noah Arthur Paul Hugo".split()


@dataclass(frozen=True)
class Asked:
    """What of one record the searches name."""

    patient: str
    ins: str
    family: str
    doctor: str  # `system|value`, of the care team
    rare: str  # code of one of its observations


def ins(number: int) -> str:
    """The INS of invented patient `number`, from 0, with its key."""
    start = f"{1 + number % 2}{30 + number % 70:02}{1 + number % 12:02}99"
    digits = f"{start}{1 + number // 999 % 999:03}{1 + number % 999:03}"
    return digits + ins_key(digits)


def professional(number: int) -> str:
    return f"81{number:010}"


def practitioner(number: int) -> Resource:
    return {
        "resourceType": "Practitioner",
        "id": f"pro-{number}",
        "identifier": [{"system": PS, "value": professional(number)}],
        "name": [{"family": _family(Random(f"pro {number}")), "given": ["Anne"]}],
    }


def organization(number: int) -> Resource:
    return {
        "resourceType": "Organization",
        "id": f"org-{number}",
        "identifier": [{"system": STRUCTURE, "value": f"17{number:08}"}],
        "name": f"Cabinet {_family(Random(f'org {number}'))}",
    }


def shared(patients: int) -> Iterator[Resource]:
    """The people and houses around so many patients."""
    for number in range(TEAM * (patients // PANEL + 1)):
        yield practitioner(number)
        yield organization(number)


def team_of(number: int) -> list[int]:
    """The professionals around a patient: each has PANEL patients."""
    return [TEAM * (number // PANEL) + k for k in range(TEAM)]


def record(number: int, *, seed: int = 1) -> list[Resource]:
    """The resources of one patient, with ids; the Patient first."""
    return _Record(number, seed).resources()


def asked(number: int, *, seed: int = 1) -> Asked:
    """What the searches name of this patient."""
    one = _Record(number, seed)
    found = one.resources()[0]
    doctor = f"{PS}|{professional(one.team[0])}"
    family = found["name"][0]["family"]
    return Asked(found["id"], f"{INS}|{ins(number)}", family, doctor, rare_code(number))


def rare_code(number: int) -> str:
    return f"r{number // 25}"


class _Record:
    def __init__(self, number: int, seed: int) -> None:
        self.number, self.random = number, Random(f"{seed}:{number}")
        self.team = team_of(number)
        self.id = f"p-{number}"
        self.subject = {"reference": f"Patient/{self.id}"}

    def resources(self) -> list[Resource]:
        made = [self._patient(), self._team(), self._access(), self._encounter()]
        made += [self._condition(), *(self._document(k) for k in range(2))]
        made += [self._measured(), self._measured(), self._rare()]
        made += [self._second_team(), *self._oppositions()]
        for n, resource in enumerate(made[1:]):
            resource.setdefault("id", f"{self.id}-{n}")
        return made

    def _patient(self) -> Resource:
        doctor = {"identifier": {"system": PS, "value": professional(self.team[0])}}
        return patient(ins(self.number)) | {
            "id": self.id,
            "name": [{"family": _family(self.random), "given": [self.random.choice(GIVEN)]}],
            "gender": ("male", "female")[self.number % 2],
            "birthDate": f"{1930 + self.number % 70}-{1 + self.number % 12:02}-15",
            "generalPractitioner": [doctor],
        }

    def _team(self) -> Resource:
        members = [{"member": {"reference": f"Practitioner/pro-{k}"}} for k in self.team]
        return team(self.id) | {"participant": members}

    def _second_team(self) -> Resource:
        """Of one who is in no other of this record."""
        member = {"identifier": {"system": PS, "value": professional(self._stranger(1))}}
        return team(self.id) | {"participant": [{"member": member}]}

    def _access(self) -> Resource:
        return self._consent("dmp-pro-access", self.team[1])

    def _oppositions(self) -> list[Resource]:
        """A professional who is blocked, and no access for a centre 15."""
        blocked = self._consent("dmp-pro-block", self._stranger(2), deny=True)
        return [blocked, consent(self.id, "dmp-centre15-opposition", deny=True)]

    def _consent(self, code: str, who: int, *, deny: bool = False) -> Resource:
        found = consent(self.id, code, deny=deny)
        doctor = {"identifier": {"system": PS, "value": professional(who)}}
        role = {"coding": [{"code": "IRCP"}]}
        found["provision"]["actor"] = [{"role": role, "reference": doctor}]
        return found

    def _stranger(self, step: int) -> int:
        """A professional who is in no team of this record."""
        return next(k for k in count(self.team[0] + step) if k not in self.team)

    def _encounter(self) -> Resource:
        day = self._day()
        return {
            "resourceType": "Encounter",
            "status": self.random.choice(("finished", "finished", "finished", "planned")),
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": self.subject,
            "participant": [{"individual": {"reference": f"Practitioner/pro-{self.team[0]}"}}],
            "period": {"start": f"{day}T09:00:00+01:00", "end": f"{day}T09:30:00+01:00"},
        }

    def _condition(self) -> Resource:
        code = CONDITIONS[int(len(CONDITIONS) * self.random.random() ** 2)]
        return {
            "resourceType": "Condition",
            "subject": self.subject,
            "code": _concept("http://hl7.org/fhir/sid/icd-10", code),
            "onsetDateTime": self._day(),
        }

    def _document(self, turn: int) -> Resource:
        author = {"identifier": {"system": PS, "value": professional(self.team[turn])}}
        labels = [_concept("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")]
        if self.random.random() < 0.1:
            flag = self.random.choice(("MASQUE_PS", "INVISIBLE_PATIENT"))
            labels.append(_concept(VISIBILITY, flag))
        return {
            "resourceType": "DocumentReference",
            "identifier": [
                {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{self.number}.{turn}"}
            ],
            "status": "superseded" if self.random.random() < 0.1 else "current",
            "type": _concept(LOINC, self.random.choice(DOCUMENTS)),
            "subject": self.subject,
            "date": f"{self._day()}T10:15:00+01:00",
            "author": [author],
            "securityLabel": labels,
            "description": f"Compte rendu {_family(self.random)}",
            "content": [{"attachment": {"contentType": "application/pdf", "title": "Lettre"}}],
        }

    def _measured(self) -> Resource:
        if self.random.random() < 0.6:
            code, unit, mean, deviation = self.random.choice(MEASURED)
        else:
            nth = int(OTHER_CODES ** self.random.random())
            code, unit, mean, deviation = f"9{nth:04}-0", "mg/dL", 100, 30
        value = Decimal(f"{abs(self.random.gauss(mean, deviation)):.1f}")
        return self._observation(_concept(LOINC, code), unit, value)

    def _rare(self) -> Resource:
        return self._observation(_concept(RARE, rare_code(self.number)), "mg", Decimal(5))

    def _observation(self, code: Resource, unit: str, value: Decimal) -> Resource:
        quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit}
        return {
            "resourceType": "Observation",
            "status": self.random.choices(("final", "amended", "preliminary"), (90, 8, 2))[0],
            "code": code,
            "subject": self.subject,
            "performer": [{"reference": f"Practitioner/pro-{self.team[0]}"}],
            "encounter": {"reference": f"Encounter/{self.id}-2"},
            "effectiveDateTime": f"{self._day()}T{self.random.randrange(24):02}:00:00+01:00",
            "valueQuantity": quantity,
        }

    def _day(self) -> str:
        year = 2026 - int(10 * self.random.random() ** 2)
        return f"{year}-{self.random.randint(1, 12):02}-{self.random.randint(1, 28):02}"


def _family(random: Random) -> str:
    return "".join(random.choice(SYLLABLES) for _ in range(4)).capitalize()


def _concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}
