"""File names that look like credentials: such a file travels only when it is named in full."""

from __future__ import annotations

import re

_NAMES = re.compile(
    r"""
      \.env(?:\..+)? | .+\.env
    | .+\.(?:pem|key|p12|pfx|jks|keystore|ppk|kubeconfig|gpg|asc|tfstate|tfvars|ovpn|kdbx)
    | id_(?:rsa|dsa|ecdsa|ed25519)(?:_.*|-.*|\..*)?
    | [._]netrc | \.pgpass | \.my\.cnf | \.s3cfg | \.boto | \.npmrc | \.pypirc | \.git-credentials | \.htpasswd
    | \.vault-token | \.dockercfg | \.dockerconfigjson | kubeconfig | \.?token | \.?credentials
    | \.?(?:credentials?|secrets?)\.(?:json|ya?ml|toml|ini|csv|txt|py)
    | (?:.*[._-])?(?:client[._-]?secrets?|service[._-]?account)(?:[._-].*)?\.json
    | application_default_credentials\.json
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HARMLESS = re.compile(r".+\.pub|\.env\.(?:example|sample|template|dist)", re.IGNORECASE)
_PLACES = re.compile(
    r"(?:.*/)?(?:\.ssh/.+|\.aws/.+|\.gnupg/.+|\.azure/.+|\.oci/.+|\.config/gcloud/.+|\.kube/.+|\.docker/config\.json"
    r"|\.(?:cache/)?huggingface/token|\.config/(?:gh|hub)(?:/hosts\.yml)?|\.git/config)",
    re.IGNORECASE,
)


def looks_secret(path: str) -> bool:
    """True for a relative path (with ``/``) whose name says that it opens something: keys, tokens, passwords."""
    name = path.rpartition("/")[2]
    if _HARMLESS.fullmatch(name):
        return False
    return _NAMES.fullmatch(name) is not None or _PLACES.fullmatch(path) is not None
