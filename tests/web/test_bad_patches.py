"""Patches that cannot be taken: https://www.rfc-editor.org/rfc/rfc6902"""

import pytest

from tests.house import House
from tests.web.bad import Bad, bad, refused

PATCH = "application/json-patch+json"
PATCHES = [
    bad(
        f"patch {body!r}"[:60],
        status,
        code,
        body,
        method="PATCH",
        path="Organization/kept",
        content_type=PATCH,
        says=says,
    )
    for body, status, code, says in [
        (b"", 400, "structure", "too early"),
        (b"{}", 400, "structure", "array"),
        (b"[1]", 400, "structure", "operation 0"),
        (b'[{"op":["add"]}]', 400, "structure", "operation 0"),
        (b'[{"op":"melt","path":"/name"}]', 400, "structure", "operation 0"),
        (b'[{"op":"add","path":"/name","path":"/id"}]', 400, "structure", "`path`"),
        (b'[{"op":"add"}]', 400, "required", "`path`"),
        (b'[{"op":"add","path":"name","value":"a"}]', 400, "required", "`path`"),
        (b'[{"op":"add","path":"/name"}]', 400, "required", "value"),
        (b'[{"op":"move","path":"/name"}]', 400, "required", "`from`"),
        (b'[{"op":"remove","path":"/name[url:\'x\']"}]', 422, "processing", "`/name[url:'x']`"),
        (
            b'[{"op":"add","path":"/active[url:\'x\']/a","value":1}]',
            422,
            "processing",
            "`/active[url:'x']/a`",
        ),
        (b'[{"op":"remove","path":"/alias"}]', 422, "processing", "`/alias`"),
        (b'[{"op":"test","path":"/name","value":"y"}]', 422, "processing", "`/name`"),
        (
            b'[{"op":"add","path":"/identifier/' + b"9" * 5000 + b'","value":1}]',
            422,
            "processing",
            "`/identifier/999",
        ),
        (
            b'[{"op":"add","path":"/identifier/01","value":1}]',
            422,
            "processing",
            "`/identifier/01`",
        ),
        (b'[{"op":"add","path":"/name/x","value":1}]', 422, "processing", "`/name/x`"),
        (b'[{"op":"replace","path":"/name","value":5}]', 400, "value", "`5`"),
        (b'[{"op":"add","path":"/nom","value":"x"}]', 400, "structure", "`nom`"),
        (b'[{"op":"remove","path":"/id"}]', 400, "invalid", "id"),
        (b'[{"op":"add","path":"/name","value":"a\\u0000"}]', 400, "value", "string"),
    ]
]


@pytest.mark.parametrize("case", PATCHES, ids=lambda case: case.name)
def test_a_bad_patch_is_refused(kept: House, case: Bad) -> None:
    refused(kept, case)
