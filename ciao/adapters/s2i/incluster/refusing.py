"""What an apiserver refuses about a build -> the error to raise."""

from __future__ import annotations

from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kubeflow.seen.refusals import refusal
from ciao.core.errors import CiaoError, SourceError, UserError

RIGHTS = (
    "deploy/rbac-builds.yaml has the role that builds need; an administrator of the namespace can grant it. "
    "%s2i=registry needs no rights in the cluster."
)


def refused(error: ApiError) -> CiaoError:
    """As ``refusals`` says it of jobs, with a build's remedies."""
    found = refusal(error)
    if not isinstance(found, UserError):
        return found
    hint = RIGHTS if error.status == 403 and "cannot" in error.message else found.hint
    return SourceError(found.message.replace("the cluster refuses the job", "the cluster refuses the build"), hint=hint)
