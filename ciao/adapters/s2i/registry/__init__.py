"""The builder ``registry``: one layer (or two) on top of a base, over the registry's own API. No daemon, no root."""
