"""A context of a kubeconfig, with the cluster and the user that it names -> a Login."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.kubeconfig import Entry, Kubeconfig
from ciao.adapters.kube.login import Endpoint, Fixed, Login, Pair, Plugin, Provider, TokenFile, User
from ciao.adapters.kube.proxies import proxy_for

_CLUSTER_INFO = "client.authentication.k8s.io/exec"
"""The extension of a cluster that plug-ins are told of."""


def login_of(config: Kubeconfig, context: str, environ: Mapping[str, str]) -> Login:
    """The context of that name, which exists. AccessError for what is missing, wrong, or in no file."""
    found = config.contexts[context]
    cluster, user = _named(config.clusters, found, "cluster"), _named(config.users, found, "user")
    if cluster is None:
        raise AccessError(f"{found.label} names no cluster.")
    return Login(
        context=context,
        namespace=found.text("namespace") or "default",
        endpoint=_endpoint(cluster, environ),
        user=User() if user is None else _user(user, cluster),
    )


def _named(known: Mapping[str, Entry], context: Entry, kind: str) -> Entry | None:
    name = context.text(kind)
    if name and name not in known:
        raise AccessError(f"{context.label} names the {kind} {name}, and there is none of that name.")
    return known.get(name)


# -- the cluster ------------------------------------------------------------------------------------


def _endpoint(cluster: Entry, environ: Mapping[str, str]) -> Endpoint:
    ca, verify = cluster.content("certificate-authority"), not cluster.flag("insecure-skip-tls-verify")
    server = _server(cluster, secure=ca is not None or not verify)
    return Endpoint(
        server=server,
        ca=ca,
        ca_from=f"{cluster.file}" if ca is not None else "this system",
        verify=verify,
        server_name=cluster.text("tls-server-name"),
        proxy=proxy_for(server, cluster.text("proxy-url"), environ),
        compress=not cluster.flag("disable-compression"),
    )


def _server(cluster: Entry, secure: bool) -> str:
    said = cluster.text("server").rstrip("/")
    server = said if "://" in said else f"{'https' if secure else 'http'}://{said}"
    try:
        parts = urlsplit(server)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not said or not usable or "@" in parts.netloc or parts.query or parts.fragment:
        raise AccessError(f"server of {cluster.label} is no URL of an apiserver (https://HOST:PORT).")
    return server


# -- the user ---------------------------------------------------------------------------------------


def _user(user: Entry, cluster: Entry) -> User:
    return User(pair=_pair(user), token=_token(user, cluster), headers=tuple(_impersonated(user)))


def _pair(user: Entry) -> Pair | None:
    certificate, key = user.content("client-certificate"), user.content("client-key")
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise AccessError(f"{user.label} has only one of client-certificate and client-key.")
    return Pair(certificate, key)


def _token(user: Entry, cluster: Entry) -> Fixed | TokenFile | Plugin | Provider | None:
    """In the order that client-go gives them; ``tokenFile`` beats ``token``."""
    path, token = user.path("tokenFile"), user.text("token").strip()
    if path is not None:
        return TokenFile(path, token)
    if token:
        return Fixed(f"Bearer {token}")
    plugin = user.mapping("exec")
    if plugin is not None:
        return _plugin(plugin, cluster)
    provider = user.mapping("auth-provider")
    if provider is not None:
        config = provider.mapping("config")
        return Provider(provider.text("name"), {} if config is None else config.fields, user.file)
    if user.text("username"):
        both = f"{user.text('username')}:{user.text('password')}"
        return Fixed(f"Basic {base64.b64encode(both.encode()).decode()}")
    return None


def _plugin(plugin: Entry, cluster: Entry) -> Plugin:
    command, version = plugin.text("command"), plugin.text("apiVersion")
    if not command or not version:
        raise AccessError(f"exec of {plugin.label} has no {'apiVersion' if command else 'command'}.")
    if "/" in command:
        command = str(plugin.file.parent / command)
    return Plugin(
        command=command,
        args=tuple(str(each) for each in plugin.items("args")),
        env=tuple(_variable(each, plugin) for each in plugin.items("env")),
        api_version=version,
        install_hint=plugin.text("installHint"),
        interactive=plugin.text("interactiveMode") == "Always",
        cluster=_told(cluster) if plugin.flag("provideClusterInfo") else None,
        file=plugin.file,
    )


def _variable(item: Any, plugin: Entry) -> tuple[str, str]:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not isinstance(item.get("value"), str):
        raise AccessError(f"env of exec of {plugin.label} has an entry without name or value.")
    return item["name"], item["value"]


def _told(cluster: Entry) -> dict[str, Any]:
    """``spec.cluster`` of an ExecCredential."""
    ca = cluster.content("certificate-authority")
    found: dict[str, Any] = {
        "server": cluster.text("server"),
        "tls-server-name": cluster.text("tls-server-name"),
        "insecure-skip-tls-verify": cluster.flag("insecure-skip-tls-verify"),
        "certificate-authority-data": "" if ca is None else base64.b64encode(ca).decode(),
        "proxy-url": cluster.text("proxy-url"),
    }
    for item in cluster.items("extensions"):
        if isinstance(item, dict) and item.get("name") == _CLUSTER_INFO:
            found["config"] = item.get("extension")
    return {key: value for key, value in found.items() if value}


def _impersonated(user: Entry) -> list[tuple[str, str]]:
    found = [("Impersonate-User", user.text("as")), ("Impersonate-Uid", user.text("as-uid"))]
    found += [("Impersonate-Group", str(each)) for each in user.items("as-groups")]
    extra = user.mapping("as-user-extra")
    if extra is not None:
        found += [(f"Impersonate-Extra-{key}", str(value)) for key in extra.fields for value in extra.items(key)]
    return [(name, value) for name, value in found if value]
