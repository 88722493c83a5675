"""What a job's objects are made of besides the job itself: settings of the target, and who submits."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Options:
    """Defaults for what a job does not say.

    ``image``: "" is the framework's own. ``ttl`` in seconds: the net under jobs that no kernel cleans up. ``user``:
    the number that pods run as; None: whoever the image says. ``gpu``: the extended resource that %gpu counts.
    ``python``: the interpreter in the image. ``grace`` in seconds, between SIGTERM and SIGKILL. ``autoscale``: the
    cluster makes nodes when they are needed, so that today's do not tell what could run.
    """

    image: str = ""
    ttl: float = 3600.0
    user: int | None = 1000
    gpu: str = "nvidia.com/gpu"
    python: str = "python"
    grace: int = 5
    autoscale: bool = False


@frozen(kw_only=True)
class Submission:
    """One act of submitting: another attempt of the same job is another one.

    ``uid`` (lower-case hex) is known before the apiserver gives the object its own, so that a create whose answer
    was lost can be found again. ``kernel`` is who submits, ``cell`` how the user knows the source (``Cell In [3]``).
    """

    uid: str
    namespace: str
    kernel: str = ""
    cell: str = ""

    def source_name(self, job: str) -> str:
        """The name of the ConfigMap with the source.

        The former attempt's may still be there: the cluster collects it some time after its job.
        """
        return f"{job}-{self.uid[:8]}"
