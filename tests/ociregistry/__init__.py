"""An image registry for tests, in this process: what distribution 2.8 does, and what can go wrong with registries.

- ``store``: what it holds; ``api``: the distribution API upon it; both without any network
- ``auth``: who may do what, Basic or with tokens; ``faults``: what goes wrong, and when
- ``server``: HTTP and TLS, and a log of what was asked
- ``images``: synthetic images of a few KB; ``reading``: what a runtime would find in an image
- ``docker``: docker configs and credential helpers; ``tls``: certificates of an authority of the test's own
"""

from .auth import Account, Basic, Bearer
from .faults import Cut, Fault, Hang, Instead, Redirect, Spoil, html
from .server import Registry, Seen, serving
from .store import Traits

__all__ = [
    "Account",
    "Basic",
    "Bearer",
    "Cut",
    "Fault",
    "Hang",
    "Instead",
    "Redirect",
    "Registry",
    "Seen",
    "Spoil",
    "Traits",
    "html",
    "serving",
]
