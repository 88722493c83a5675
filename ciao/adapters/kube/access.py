"""Where the cluster is, and who asks: the setting, $KUBECONFIG, ~/.kube/config, else the account of this pod.

Looked up again whenever a server refuses its credentials or cannot be reached, so that who logs in again, or makes
his cluster anew, need not start his kernel again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from ciao.adapters.kube import kubeconfig
from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.contexts import login_of
from ciao.adapters.kube.kubeconfig import Kubeconfig
from ciao.adapters.kube.login import Endpoint, Login, TokenFile, User
from ciao.adapters.kube.proxies import proxy_for
from ciao.core.words import did_you_mean, listed

IN_CLUSTER = "in-cluster"
"""The name of the context that a pod's own account is."""
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SHOWN = 12  # contexts in a message
_CHOOSE = "Choose one with %context, or with kubectl config use-context."
_MEND = "Name a kubeconfig (%ciao config kubeflow.kubeconfig=PATH, or $KUBECONFIG); %target=local needs no cluster."


@frozen
class Access:
    """``kubeconfig``: one path or several (``:``), or empty: as kubectl looks. ``context``: None for the current one.

    ``account``: where a pod finds its service account.
    """

    kubeconfig: str = ""
    context: str | None = None
    environ: Mapping[str, str] = field(factory=dict, repr=False)
    account: Path = _ACCOUNT

    def login(self) -> Login:
        """Reads files. AccessError, in one sentence, when there is no such context or what it says is of no use."""
        config = self._config()
        name = self.context or (config.current if config else "")
        if config is not None and name in config.contexts:
            return login_of(config, name, self.environ)
        if name == IN_CLUSTER or (config is None and not name):
            return self._of_pod()
        raise self._unknown(name, config)

    # -- which files -----------------------------------------------------------------------------

    def _config(self) -> Kubeconfig | None:
        """None: no file, or nothing in it, which is the same to kubectl."""
        paths = self._paths()
        found = kubeconfig.read(paths)
        if self.kubeconfig and not found.files:
            raise AccessError(
                f"There is no kubeconfig at {listed(map(str, paths), 'or')} (setting kubeflow.kubeconfig).", hint=_MEND
            )
        return found if found.contexts or found.current else None

    def _paths(self) -> list[Path]:
        """Either the setting counts, or the variable, or the place that kubectl knows."""
        said = self.kubeconfig or self.environ.get("KUBECONFIG", "")
        if said:
            return [self._expanded(each) for each in said.split(os.pathsep) if each]
        return [self._expanded("~/.kube/config")] if self.environ.get("HOME") else []

    def _expanded(self, path: str) -> Path:
        home = self.environ.get("HOME", "")
        return Path(home, path[2:]) if path.startswith("~/") and home else Path(path).expanduser()

    # -- this pod --------------------------------------------------------------------------------

    def _of_pod(self) -> Login:
        host, port = (self.environ.get(f"KUBERNETES_SERVICE_{each}", "") for each in ("HOST", "PORT"))
        if not host or not port:
            raise self._nowhere("this is not a pod")
        token, ca, namespace = (self.account / each for each in ("token", "ca.crt", "namespace"))
        if not token.is_file():
            raise self._nowhere(f"this pod has no token of a service account ({token})")
        server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        try:
            trusted = ca.read_bytes()
            home = namespace.read_text().strip() if namespace.is_file() else ""
        except (OSError, ValueError) as error:
            raise AccessError(f"The service account of this pod cannot be read: {error}.") from error
        return Login(
            context=IN_CLUSTER,
            namespace=home or "default",
            endpoint=Endpoint(server=server, ca=trusted, ca_from=str(ca), proxy=proxy_for(server, "", self.environ)),
            user=User(token=TokenFile(token)),
        )

    # -- what is wrong ---------------------------------------------------------------------------

    def _nowhere(self, pod: str) -> AccessError:
        variable, paths = self.environ.get("KUBECONFIG", ""), listed(map(str, self._paths()), "or")
        if self.kubeconfig:
            looked = [f"{paths} has no contexts"]
        elif variable:
            looked = [f"$KUBECONFIG names {paths}, where no context is"]
        else:
            looked = ["$KUBECONFIG is not set", f"no context is in {paths}" if paths else "$HOME is not set"]
        if self.context:
            return AccessError(f"The context {self.context} is the account of a pod, and {pod}.", hint=_MEND)
        return AccessError(f"No cluster is known: {listed([*looked, pod])}.", hint=_MEND)

    def _unknown(self, name: str, config: Kubeconfig | None) -> AccessError:
        known = sorted(config.contexts) if config else []
        where = config.label if config else listed(map(str, self._paths()), "or")
        if not known:
            return AccessError(f"There is no context {name}: no context is in {where or 'a kubeconfig'}.", hint=_MEND)
        more = [f"{len(known) - _SHOWN} more"] if len(known) > _SHOWN else []
        has = f"It has {listed([*known[:_SHOWN], *more])}."
        if not name:
            return AccessError(f"{where} has no current context.", hint=f"{_CHOOSE} {has}")
        current = "" if self.context else ", which is to be the current one"
        hint = " ".join(each for each in (did_you_mean(name, known), has) if each)
        return AccessError(f"There is no context {name} in {where}{current}.", hint=hint)


__all__ = ["IN_CLUSTER", "Access", "AccessError"]
