"""The visibility labels of a document, and the days that decide."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fhir_server.policy.labels import (
    MASKED,
    SECRET,
    VEILED,
    VISIBILITY,
    VISIBILITY_OID,
    Labels,
    birth_of_age,
    flags,
    label_problem,
    labels,
)
LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
A08 = "https://mos.esante.gouv.fr/NOS/TRE_A08-HL7Confidentiality/FHIR/TRE-A08-HL7Confidentiality"
NORMAL = (LEVELS, "N")


def document(*codes: tuple[str, str], together: bool = False) -> dict[str, Any]:
    codings = [{"system": system, "code": code} for system, code in codes]
    made = [{"coding": codings}] if together else [{"coding": [coding]} for coding in codings]
    return {"resourceType": "DocumentReference", "securityLabel": made}


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("system", [VISIBILITY, VISIBILITY_OID])
def test_flags_are_found_wherever_they_stand(system: str, together: bool) -> None:
    found = document(NORMAL, (system, MASKED), (system, SECRET), together=together)
    assert flags(found) == {MASKED, SECRET}
    assert labels(found) == Labels(masked=True, secret=True)


def test_a_code_of_another_system_is_no_flag() -> None:
    assert flags(document(("http://a.example", MASKED), (LEVELS, VEILED))) == frozenset()
    assert flags({"resourceType": "DocumentReference"}) == frozenset()
    assert labels(document(NORMAL)) == Labels()


@pytest.mark.parametrize(
    ("codes", "says"),
    [
        ([NORMAL], ""),
        ([(A08, "V")], ""),
        ([("urn:oid:2.16.840.1.113883.5.25", "R")], ""),
        ([NORMAL, (VISIBILITY, MASKED), (VISIBILITY, VEILED), (VISIBILITY, SECRET)], ""),
        ([], "one of N, R and V"),
        ([(VISIBILITY, MASKED)], "one of N, R and V"),
        ([NORMAL, (LEVELS, "R")], "one of N, R and V"),
        ([NORMAL, NORMAL], "one of N, R and V"),
        ([(LEVELS, "U")], "`http://terminology.hl7.org/CodeSystem/v3-Confidentiality|U`"),
        ([NORMAL, (VISIBILITY, "MASQUE_PSOCIAL")], "|MASQUE_PSOCIAL`"),
        ([NORMAL, ("http://a.example", "x")], "`http://a.example|x`"),
        ([NORMAL, (VISIBILITY.replace("Statut", "Status"), MASKED)], f"|{MASKED}`"),
    ],
)
def test_labels_are_one_level_and_the_flags_of_the_dmp(
    codes: list[tuple[str, str]], says: str
) -> None:
    problem = label_problem(document(*codes))
    assert (says in problem) if says else problem == ""


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("born", "last_minor_day", "years"),
    [
        ("2008-11-24", "2026-11-23", 18),
        ("2008-03-01", "2026-02-28", 18),
        ("2008-02-29", "2026-02-28", 18),
        ("2008-02-28", "2026-02-27", 18),
        ("2010-02-28", "2028-02-27", 18),
        ("2010-03-01", "2028-02-29", 18),
        ("2012-02-29", "2028-02-28", 16),
        ("2008-12-31", "2026-12-30", 18),
        ("2009-01-01", "2026-12-31", 18),
        ("2026-11-24", "2026-11-23", 0),
    ],
)
def test_one_comes_of_age_on_the_birthday(born: str, last_minor_day: str, years: int) -> None:
    birth = ms(f"{born}T00:00:00") + 86_399_999  # the last instant it may have been
    last = ms(f"{last_minor_day}T22:59:59.999")  # midnight in Paris
    assert birth_of_age(last, years) < birth <= birth_of_age(last + 1, years)


def test_a_limit_of_a_thousand_years_is_no_error() -> None:
    assert birth_of_age(ms("2026-11-24T00:00:00"), 3000) < 0
