"""Property tests search without a clock: the machines that run them are shared, and a slow one is no failure.
Fifty examples a property keep `make test` quick; a property that needs more says so itself.
"""

from hypothesis import settings

settings.register_profile("ciao", deadline=None, max_examples=50)
settings.load_profile("ciao")
