"""The world, behind the ports of ``ciao.core.ports``: files, processes, registries, clusters."""
