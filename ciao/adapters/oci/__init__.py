"""Talking to image registries: the OCI distribution API, version 1.1, and Docker's that it came from.

- ``reference``, ``challenge``, ``media``, ``platforms``: the words of it; pure
- ``dockerconfig``, ``helpers``: whose credentials; ``hosts``: over which connection
- ``registries`` is the client: one for a session, used on its loop
"""
