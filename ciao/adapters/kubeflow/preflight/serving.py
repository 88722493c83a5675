"""Whether the training operator is installed here, and for this kind (discovery: ``GET /apis/kubeflow.org/v1``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen

from ciao.adapters.kubeflow.objects.kinds import API_VERSION, Kind
from ciao.adapters.kubeflow.preflight.checks import ALWAYS, Answers, Request, answered, failed, refused
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.refusals import INSTALL
from ciao.core.ports import Finding


@frozen(kw_only=True)
class Serving:
    """Check: does this cluster know the kind?"""

    kind: Kind

    def asks(self) -> Mapping[str, Request]:
        """What the group has; once it has the kind, that is so for good."""
        return {"kubeflow": Request(path=f"/apis/{API_VERSION}", keep=ALWAYS)}

    def more(self, answers: Answers) -> Mapping[str, Request]:
        """Nothing."""
        return {}

    def findings(self, answers: Answers) -> Iterator[Finding]:
        """At most one, with the command that installs it."""
        if failed(answers, "kubeflow", 404):
            yield refused(
                f"This cluster has no training operator, which runs {self.kind.name}s. "
                f"An administrator installs it so: {INSTALL}"
            )
        elif not serves(answers, self.kind):
            yield refused(
                f"The training operator of this cluster does not know {self.kind.name}s. "
                f"An administrator installs one that does so: {INSTALL}"
            )


def serves(answers: Answers, kind: Kind) -> bool:
    """The cluster knows the kind, or did not say."""
    if failed(answers, "kubeflow", 404):
        return False
    group = answered(answers, "kubeflow")
    return group is None or any(facts.text(each, "name") == kind.plural for each in facts.entries(group, "resources"))
