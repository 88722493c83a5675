"""What keeps a build from going on, how long that may last, and what to do about it.

The facts are found as for a job's pods (``kubeflow.seen``); remedies are a build's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define

from ciao.adapters.kubeflow.seen.troubles import Trouble, news
from ciao.core.errors import TargetError

Json = dict[str, Any]
_IMAGE = (
    "The setting kaniko.image names Kaniko's image; registry.secret or %pullSecret the Secret that opens its registry."
)
_ROOT = "Kaniko has to run as root: build in a namespace that allows it (%namespace), or use %s2i=registry."
_MORE = "kubectl describe says more."
_ROOM = "Wait until others have ended, or build outside of the cluster (%s2i=registry)."
_REMEDIES: Mapping[str, str] = {
    "SecretMissing": "Create it (kubectl create secret docker-registry), or correct registry.secret or %pullSecret.",
    "RunsAsRoot": _ROOT,
    "PodSecurity": _ROOT,
    "NoRoom": _ROOM,
    "Unschedulable": _ROOM,
    "QuotaExceeded": _ROOM,
    "QuotaUnsaid": "An administrator can give the namespace defaults (LimitRange); %s2i=registry needs no pod.",
    "Tainted": "Tolerate the taint with %tolerations, if you may use those nodes.",
    "NodeSelector": "No node has the architecture of the image: correct %platform.",
    "ServiceAccountMissing": "Correct %serviceAccount, or create it.",
    "PriorityMissing": "Correct %priority (kubectl get priorityclasses).",
    "Suspended": "Whoever looks after the queues of this cluster has to let it in; %s2i=registry needs no pod.",
    "PodAbsent": "Is the controller running? kubectl describe says more.",
    "Unreachable": "Is the cluster running, and the VPN on?",
}
_FINAL = frozenset({"ImageName", "ImageAbsent", "RunsAsRoot", "PodSecurity", "AdmissionDenied", "PriorityMissing"})
"""What no waiting mends."""


@define
class Hold:
    """The trouble that lasts, if any. ``tell`` hears a sentence when there is news; ``patience`` in seconds."""

    _tell: Callable[[str], None]
    _patience: float
    lasting: Trouble | None = None
    since: float = 0.0
    _told: Trouble | None = None

    def see(self, found: Trouble | None, now: float) -> None:
        """What is so now, on a clock that never goes back; None: nothing keeps it."""
        if found is None:
            self.lasting = None
            return
        if self.lasting is None:
            self.since = now
        if news(self.lasting, found):
            self.lasting = found
        if news(self._told, found):
            self._told = found
            self._tell(f"the build waits: {found.message}")

    def until(self) -> float | None:
        """When patience ends; None while there is nothing to bear."""
        if self.lasting is None:
            return None
        return self.since if self.lasting.reason in _FINAL else self.since + self._patience

    def error(self) -> TargetError:
        """What to raise then."""
        assert self.lasting is not None
        return unbuildable(self.lasting)


def unbuildable(trouble: Trouble) -> TargetError:
    """The error that a trouble becomes."""
    remedy = _REMEDIES.get(trouble.reason) or (_IMAGE if trouble.reason.startswith("Image") else _MORE)
    return TargetError(f"The image cannot be built in the cluster: {trouble.message}. {remedy}")
