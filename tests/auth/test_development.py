"""The development key pair, and the whole way: claims, token, keys, Subject."""

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_server.auth.development import claims_for, development_keys, sign
from fhir_server.auth.keys import Keys
from fhir_server.auth.token import Verifier
from fhir_server.fhir.outcome import Unauthorized
from fhir_server.policy.subject import Coded, Subject

NOW = 1_700_000_000
INS = "urn:oid:1.2.250.1.213.1.4.8|124018852493334"
RPPS = "urn:oid:1.2.250.1.71.4.2.1|899700218896"
PLACE: dict[str, Any] = {
    "issuer": "https://issuer.example",
    "audience": "http://127.0.0.1:8080/fhir",
}


def claims(**more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "actor": "professional",
        "identifier": RPPS,
        "now": NOW,
        "lifetime": 300,
    }
    return claims_for(**(given | PLACE | more))


def test_the_claims_have_the_shape_of_the_contract() -> None:
    made = claims(
        name="Dr Anne Exemple", organization="urn:oid:1.2.250.1.71.4.2.2|1750100125",
        organization_name="Cabinet Exemple", roles=[Coded("urn:oid:1.2.250.1.71.1.2.7", "10")],
        sector="SA07", patient=INS, client="lps-demo", token_id="one",
    )  # fmt: skip
    assert made == {
        "iss": "https://issuer.example", "aud": "http://127.0.0.1:8080/fhir", "sub": RPPS,
        "client_id": "lps-demo", "jti": "one", "iat": NOW, "exp": NOW + 300,
        "scope": "user/*.cruds",
        "extensions": {
            "ihe_iua": {
                "subject_name": "Dr Anne Exemple",
                "subject_organization": "Cabinet Exemple",
                "subject_organization_id": "urn:oid:1.2.250.1.71.4.2.2|1750100125",
                "subject_role": [{"system": "urn:oid:1.2.250.1.71.1.2.7", "code": "10"}],
                "purpose_of_use": [
                    {"system": "urn:oid:1.2.250.1.213.1.1.4.248", "code": "normal"}
                ],
                "person_id": INS,
            },
            "dmp": {
                "actor": "professional", "sector": "SA07", "auth_mode": "DIRECTE",
                "reason": None, "secret": False,
            },
        },
    }  # fmt: skip


def test_what_is_not_given_is_not_claimed() -> None:
    made = claims(issuer=None)
    assert set(made["extensions"]["ihe_iua"]) == {"purpose_of_use"}
    assert "iss" not in made and "jti" not in made


def test_a_signed_token_comes_back_as_its_subject(tmp_path: Path) -> None:
    key, jwks = development_keys(tmp_path)
    made = claims(actor="holder", identifier=INS, name="Élise Exemple", purpose="normal")
    verifier = Verifier(Keys(str(jwks)), **PLACE)
    assert verifier.verify(f"Bearer {sign(made, key)}", NOW) == Subject(
        actor="holder", identifier=INS, name="Élise Exemple", client="development"
    )


def test_a_token_of_another_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    _, jwks = development_keys(tmp_path)
    stranger, _ = development_keys(tmp_path / "other")
    with pytest.raises(Unauthorized, match="no key"):
        Verifier(Keys(str(jwks)), **PLACE).verify(f"Bearer {sign(claims(), stranger)}", NOW)


def test_the_keys_are_made_once(tmp_path: Path) -> None:
    first, jwks = development_keys(tmp_path)
    before = jwks.stat().st_mtime_ns
    assert development_keys(tmp_path)[0] == first
    assert jwks.stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "development-jwks.json",
        "development-key.json",
    ]


def test_of_two_processes_that_make_a_key_at_once_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner, _ = development_keys(tmp_path)
    monkeypatch.setattr(Path, "exists", lambda path: False)  # as the loser saw it
    assert development_keys(tmp_path)[0] == winner


def test_the_private_key_is_for_its_owner_alone_and_not_in_the_key_set(tmp_path: Path) -> None:
    _, jwks = development_keys(tmp_path)
    assert (tmp_path / "development-key.json").stat().st_mode & 0o777 == 0o600
    assert "d" not in json.loads(jwks.read_bytes())["keys"][0]


def test_a_key_set_of_another_key_is_made_anew(tmp_path: Path) -> None:
    development_keys(tmp_path)
    (tmp_path / "development-key.json").unlink()
    key, jwks = development_keys(tmp_path)
    assert Keys(str(jwks)).names() == (key.kid,)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"kty": "EC"}'])
def test_a_spoilt_private_key_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "development-key.json").write_text(content)
    with pytest.raises(ValueError, match=r"development-key\.json is not"):
        development_keys(tmp_path)


def test_a_public_key_cannot_sign(tmp_path: Path) -> None:
    key, _ = development_keys(tmp_path)
    public = json.dumps(key.as_dict(private=False))
    (tmp_path / "development-key.json").write_text(public)
    with pytest.raises(ValueError, match="is not a private key"):
        development_keys(tmp_path)
