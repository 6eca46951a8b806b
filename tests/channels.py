"""The ways in which something hidden could be told, and how a question is seen to go one of them.

The list of what an answer may not tell by: design, `contract.md` section 5 and `models.md` 5.
"""

import json
import re

from tests.questions import Question

# Way → what stands in `METHOD path`, in the names of the headers, and in the body, of a question.
CHANNELS: dict[str, tuple[str, str, str]] = {
    "totals": (r"_summary=count|_count=0", "", ""),
    "pages": (r"^GET .*_count=[1-9]", "", ""),
    "cursors": (r"^GET \w+\?.*_count=[1-4](&|$)", "", ""),  # all pages of them are asked
    "_include": (r"[?&]_include=", "", ""),
    "_revinclude": (r"[?&]_revinclude=", "", ""),
    ":iterate": (r":iterate=", "", ""),
    "chains": (r"[?&][a-z]+(:[A-Z]\w+)?\.[a-z]", "", ""),
    "chains of two steps": (r"[?&][a-z]+(:\w+)?\.[a-z]+(:\w+)?\.[a-z]", "", ""),
    "_has": (r"[?&]_has:", "", ""),
    "_has in _has": (r"_has:\w+:\w+:_has:", "", ""),
    "_filter": (r"_filter=", "", ""),
    "_sort": (r"_sort=", "", ""),
    "_list": (r"_list=", "", ""),
    "_text": (r"_text[:=]", "", ""),
    "_content": (r"_content[:=]", "", ""),
    "parameters of the operator's": (r"[?&:.](label|said|master|listed|holder)[:=.]", "", ""),
    "searches of all types": (r"^GET (_search)?\?", "", ""),
    "compartments": (r"^GET Patient/[^/]+/\*", "", ""),
    "$everything": (r"/\$everything", "", ""),
    "$document": (r"^GET Composition/.*\$document", "", ""),
    "$docref": (r"/\$docref", "", ""),
    "$explain-access": (r"^GET DocumentReference/.*\$explain-access", "", ""),
    "$meta": (r"\$meta", "", ""),
    "$validate": (r"\$validate", "", ""),
    "history of everything": (r"^GET _history", "", ""),
    "history of a type": (r"^GET [A-Z]\w+/_history", "", ""),
    "history of one": (r"^GET \w+/[\w-]+/_history(\?|$)", "", ""),
    "read": (r"^GET DocumentReference/[\w-]+$", "", ""),
    "HEAD": (r"^HEAD ", "", ""),
    "vread": (r"/_history/\d+$", "", ""),
    "ETag": (r"^(PUT|PATCH|DELETE) ", "if_match", ""),
    "304": (r"^GET ", "if_none_match", ""),
    "Last-Modified": (r"^GET ", "if_modified_since", ""),
    "conditional create": (r"^POST ", "if_none_exist", ""),
    "conditional update": (r"^PUT \w+\?", "", ""),
    "conditional patch": (r"^PATCH \w+\?", "", ""),
    "conditional delete": (r"^DELETE \w+\?", "", ""),
    "transactions": (r"^POST $", "", r'"type": "transaction"'),
    "batches": (r"^POST $", "", r'"type": "batch"'),
    "checks of references": (r"^POST List$", "", r'"reference": "DocumentReference/'),
    "conflicts of deletes": (r"^DELETE \w+/", "", ""),
    "unique identifiers": (r"^POST DocumentReference$", "", r'"masterIdentifier"'),
    "Binary": (r"^GET Binary/", "", ""),
    "contained resources": (r"^POST ", "", r'"contained"'),
    "traces": (r"^GET AuditEvent", "", ""),
}


def ways(question: Question) -> list[str]:
    """The channels a question goes by."""
    method, path, body, headers = question
    asked, said = f"{method} {path}", json.dumps(body, default=repr)
    return [
        name
        for name, (of_path, of_headers, of_body) in CHANNELS.items()
        if re.search(of_path, asked) and (not of_headers or of_headers in headers)
        and re.search(of_body, said)
    ]  # fmt: skip
