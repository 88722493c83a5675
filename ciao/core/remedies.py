"""What to do about what keeps a job from going on, by a target's word for it. Magics are named as cells write them."""

from __future__ import annotations

from collections.abc import Mapping

SMALLER = "or make it need less (smaller batches, fewer data loader workers)."
DISK = "A disk is full. Free some space where the job writes; `ciao doctor` shows where Ciao keeps its own files."
AGAIN = "%retries=1 submits the whole job again when that happens."

_REGISTRY = "Use an image from a registry that the nodes reach (%image), or ask the administrator for a mirror of it."
_ADMIN = "Ask the administrator of the cluster."
_ROOM = "Ask for less (%cpu, %memory, %gpu), or wait until others have ended."

TROUBLES: Mapping[str, str] = {
    "DiskFull": DISK,
    "MemoryPressure": f"Give it more with %memory, {SMALLER}",
    # images
    "ImageMissing": "Check its name and tag (%image).",
    "ImageForbidden": (
        "Name the Secret that opens the registry (%pullSecret), or check the name (%image): "
        "of what does not exist many registries say the same."
    ),
    "ImageUnreachable": _REGISTRY,
    "ImageUntrusted": f"The nodes must be told to trust that registry. {_ADMIN}",
    "ImageLimited": "Wait, or pull with an account (%pullSecret): registries allow it more.",
    "ImageName": "Correct %image: registry/path:tag, in lower case.",
    "ImageAbsent": "Put it into a registry, or leave imagePullPolicy out of the overlay.",
    "ImagePlatform": "Build it for the processor of the nodes, or choose other nodes (%nodeSelector).",
    "ImageFailed": "The cluster goes on trying; check %image if it stays so.",
    "NodeFull": _ADMIN,
    # containers and volumes
    "SecretMissing": "Create it with kubectl create secret, or correct the name (%secret, %env, %overlay).",
    "ConfigMapMissing": "Create it, or correct the name (%overlay).",
    "RunsAsRoot": "Name a user by number (%user=1000), or leave it to the image (%user=image) where root is allowed.",
    "ContainerFailed": "%render shows what was sent; an %overlay changes it.",
    "ClaimMissing": "Create it (kind PersistentVolumeClaim), or correct the name (%volume).",
    "ClaimUnbound": "kubectl describe pvc says what its storage class waits for.",
    "VolumeBusy": "Such a volume serves one node at a time: end what uses it, or use a claim that many may use.",
    "MountFailed": "The cluster goes on trying; check %volume if it stays so.",
    "SandboxFailed": f"The cluster goes on trying. {_ADMIN}",
    # nodes
    "NoRoom": _ROOM,
    "NodeSelector": "Correct %nodeSelector (kubectl get nodes --show-labels), or the affinity of the overlay.",
    "Tainted": "Tolerate the taint with %tolerations, if you may use those nodes.",
    "Unschedulable": f"{_ROOM} Other nodes are opened by %nodeSelector and %tolerations.",
    "NodeLost": "If it does not come back the job will fail. %retries=1 submits it again then.",
    # what admission says of pods
    "QuotaExceeded": "Wait until other jobs of the namespace have ended, ask for less, or have the quota raised.",
    "QuotaUnsaid": "Say %cpu and %memory for every role.",
    "LimitRange": "Correct %cpu and %memory.",
    "PodSecurity": "Name a user by number (%user=1000), leave privileges out of %overlay, or use another %namespace.",
    "OperatorInit": (
        "Every worker of a job with a master has it: the administrator can give the training operator another image "
        "for it (--pytorch-init-container-image), or another template."
    ),
    "AdmissionDenied": "Change what it asks for (%overlay), or ask who set that rule.",
    "ServiceAccountMissing": "Correct %serviceAccount, or create it.",
    "PriorityMissing": "Correct %priority (kubectl get priorityclasses).",
    "NameTooLong": "Choose a shorter %name.",
    "CreateFailed": "%render shows what was sent; an %overlay changes it.",
    # queues and operators
    "Suspended": "It goes on when somebody sets spec.runPolicy.suspend to false.",
    "OperatorSilent": f"The training operator is not running, or does not look after this namespace. {_ADMIN}",
}
