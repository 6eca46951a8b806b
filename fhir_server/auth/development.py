"""Tokens for development and tests: an own key pair, and claims in the shape of the contract.

`contract.md` section 3 of the design; https://www.rfc-editor.org/rfc/rfc7515
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from fhir_server.auth.subject import PURPOSES
from fhir_server.policy.subject import Coded

KEY_FILE = "development-key.json"
JWKS_FILE = "development-jwks.json"


def development_keys(folder: Path) -> tuple[ECKey, Path]:
    """The private key of this folder and the path of its JWKS; both files are made if need be.

    The private key is made once, readable by its owner alone. Raises OSError, or ValueError when
    its file is no key.
    """
    private, public = folder / KEY_FILE, folder / JWKS_FILE
    if not private.exists():
        key = ECKey.generate_key("P-256", auto_kid=True)
        _write(private, {**key.as_dict(private=True), "alg": "ES256", "use": "sig"}, once=True)
    # Read back even when just made: another process may have been faster.
    key = _private_key(private)
    key_set = {"keys": [key.as_dict(private=False)]}
    if not public.exists() or json.loads(public.read_bytes()) != key_set:
        _write(public, key_set, once=False)
        public.chmod(0o644)
    return key, public


def _private_key(path: Path) -> ECKey:
    try:
        key = ECKey.import_key(json.loads(path.read_bytes()))
    except (JoseError, KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is not an EC key") from None
    if not key.is_private or not key.kid:
        raise ValueError(f"{path} is not a private key with a kid")
    return key


def _write(path: Path, content: object, *, once: bool) -> None:
    """Whole or not at all, mode 0600; `once`: what is there stays."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(content, file, indent=2)
        if once:
            os.link(name, path)
        else:
            os.replace(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink(missing_ok=True)


def sign(claims: Mapping[str, Any], key: ECKey) -> str:
    """The claims as a token, signed with ES256."""
    header = {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}
    return jws.serialize_compact(header, json.dumps(claims, ensure_ascii=False), key, ["ES256"])


def claims_for(
    *,
    actor: str,
    identifier: str,
    now: int,
    lifetime: int,
    audience: str,
    issuer: str | None = None,
    patient: str = "",
    name: str = "",
    organization: str = "",
    organization_name: str = "",
    roles: Sequence[Coded] = (),
    sector: str = "",
    purpose: str = "normal",
    reason: str = "",
    auth_mode: str = "DIRECTE",
    secret: bool = False,
    scope: str = "user/*.cruds",
    client: str = "development",
    token_id: str = "",
) -> dict[str, Any]:
    """The claims of a token: identifiers are `system|value`, times are seconds.

    What is "" is left out. Nothing is checked, so that tests can make wrong ones; but an unknown
    purpose is a KeyError.
    """
    iua = {
        "subject_name": name,
        "subject_organization": organization_name,
        "subject_organization_id": organization,
        "subject_role": [{"system": role.system, "code": role.code} for role in roles],
        "purpose_of_use": [{"system": PURPOSES[purpose], "code": purpose}],
        "person_id": patient,
    }
    dmp = {
        "actor": actor, "sector": sector, "auth_mode": auth_mode,
        "reason": reason or None, "secret": secret,
    }  # fmt: skip
    return _said({
        "iss": issuer or "", "aud": audience, "sub": identifier, "client_id": client,
        "jti": token_id, "iat": now, "exp": now + lifetime, "scope": scope,
        "extensions": {"ihe_iua": _said(iua), "dmp": _said(dmp)},
    })  # fmt: skip


def _said(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value not in ("", [])}
