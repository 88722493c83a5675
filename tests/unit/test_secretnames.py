"""Names that look like credentials."""

from __future__ import annotations

import pytest

from ciao.core.secretnames import looks_secret

SECRET = """
    .env conf/.env.production prod.env certs/server.pem tls.key id_rsa keys/id_ed25519 id_rsa.bak .netrc _netrc .npmrc
    .pypirc .git-credentials .htpasswd kubeconfig lab.kubeconfig credentials credentials.json secrets.yaml token .token
    client_secret_123.json my-service-account.json service_account_key.json application_default_credentials.json
    .aws/config home/.ssh/config .kube/config .docker/config.json .config/gcloud/x .cache/huggingface/token
    terraform.tfstate Server.PEM SECRETS.YML
"""
HARMLESS = """
    id_rsa.pub .env.example keys.py tokenizer.json token_ids.bin secretary.txt data/monkey.csv environment.yml
    keyring/a.txt credentials_test.py docs/config.json my.env.py pem train.py
"""


@pytest.mark.parametrize("path", SECRET.split())
def test_what_opens_something_looks_secret(path: str) -> None:
    """Wherever it lies, in any case."""
    assert looks_secret(path)


@pytest.mark.parametrize("path", HARMLESS.split())
def test_what_only_sounds_alike_does_not(path: str) -> None:
    """A tokenizer is none."""
    assert not looks_secret(path)
