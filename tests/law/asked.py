"""What can be asked of one record through every interaction that shows something, and how the
answers are told: a status, or of an answer with several resources how many are of this record.
"""

from fhir_server.policy.labels import MASKED
from tests.house import ANNE, PAUL, Answer, Person
from tests.people import stored
from tests.policy.record import Record, user

NAMED = {
    "patient": "Patient/{patient}", "document": "DocumentReference/{document}",
    "masked": "DocumentReference/{masked}", "version": "DocumentReference/{document}/_history/1",
    "bytes": "{bytes}", "clinical": "Observation/{clinical}", "list": "List/{list}",
    "consent": "Consent/{consent}", "team": "CareTeam/{team}",
}  # fmt: skip
OF_RECORD = {
    "documents": "DocumentReference?patient={patient}&_total=accurate",
    "clinical": "Observation?subject=Patient/{patient}", "consents": "Consent?patient={patient}",
    "teams": "CareTeam?patient={patient}", "log": "AuditEvent?patient={patient}&_count=500",
    "whole": "Patient/{patient}/*?_type=DocumentReference,List,Observation",
    "everything": "Patient/{patient}/$everything?_type=DocumentReference,List,Observation",
    "docref": "DocumentReference/$docref?patient={patient}&start=2000-01-01",
}  # fmt: skip
OF_NOBODY = {
    "id": "DocumentReference?_id={document},{masked}",
    "chain": "DocumentReference?patient.gender=male&_id={document},{masked}",
    "has": "Patient?_has:Observation:patient:_id={clinical}",
    "filter": "Observation?_filter=_id%20eq%20{clinical}",
    "listed": "DocumentReference?_list={list}",
    "include": "Observation?_id={clinical}&_include=Observation:subject",
    "reverse": "List?_id={list}&_include=List:item",
    "history": "DocumentReference/_history?_count=500", "all": "_history?_count=500",
}  # fmt: skip
OPERATIONS = {
    "meta": "DocumentReference/{document}/$meta",
    "document": "Composition/{composed}/$document",
    "explain": "DocumentReference/{document}/$explain-access",
    "explain-masked": "DocumentReference/{masked}/$explain-access",
    "reindex": "$reindex", "shared": "Organization",
}  # fmt: skip
QUESTIONS = {
    f"{group}:{name}": path
    for group, paths in (("", NAMED), ("r", OF_RECORD), ("n", OF_NOBODY), ("o", OPERATIONS))
    for name, path in paths.items()
}


def kept(record: Record) -> dict[str, str]:
    """What there is in the record, by the names of the questions: two documents, one masked, with
    their bytes, and a resource each of other kinds.
    """
    subject = {"reference": f"Patient/{record.id}"}
    found = {
        "patient": record.id, "document": record.deposited(ANNE),
        "masked": record.deposited(ANNE, MASKED),
        "consent": stored(record.consent(record.holder, "dmp-pro-access", PAUL)),
        "team": record.team()["id"],
    }  # fmt: skip
    url = record.read(ANNE, found["document"]).json["content"][0]["attachment"]["url"]
    documents = [f"DocumentReference/{found[name]}" for name in ("document", "masked")]
    entries = [{"item": {"reference": text}} for text in documents]
    made = {
        "clinical": {"resourceType": "Observation", "status": "final", "code": {"text": "pulse"}},
        "list": {"resourceType": "List", "status": "current", "mode": "working", "entry": entries},
        "composed": {
            "resourceType": "Composition", "status": "final", "type": {"text": "x"}, "title": "x",
            "date": "2026-11-24", "author": [{"display": "Anne"}],
        },
    }  # fmt: skip
    for name, resource in made.items():
        body = resource | {"subject": subject}
        found[name] = stored(record.house.post(str(resource["resourceType"]), ANNE, body))
    return found | {"bytes": url.split("/fhir/")[1]}


def told(record: Record, who: Person, answer: Answer, name: str, ids: dict[str, str]) -> str:
    """The status of a refusal; of what is shown `yes`, `min`, how many, or whose traces."""
    if answer.status != 200:
        return str(answer.status)
    if name == ":bytes":
        return "yes"
    body = answer.json
    if body["resourceType"] != "Bundle" or name == "o:shared":
        return "min" if body["resourceType"] == "Patient" and "name" not in body else "yes"
    if name == "r:log":
        users = {user(event) for event in answer.entries}
        return "all" if users - {who.sub} else "own" if users else "0"
    mine = set(ids.values())
    return str(len({found["id"] for found in answer.entries if found.get("id") in mine}))


def answers(record: Record, who: Person, ids: dict[str, str]) -> dict[str, str]:
    return {
        name: told(record, who, record.house.get(path.format(**ids), who), name, ids)
        for name, path in QUESTIONS.items()
    }
