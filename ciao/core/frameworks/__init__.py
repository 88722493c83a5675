"""The frameworks that Ciao knows, each a value in a file of its own; plug-ins add theirs.

Nothing is imported here: frameworks are found by their entry points (group ``ciao.frameworks``).
"""
