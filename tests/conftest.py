"""Property tests search without a clock: the machines that run them are shared, and a slow one is no failure."""

from hypothesis import settings

settings.register_profile("ciao", deadline=None)
settings.load_profile("ciao")
