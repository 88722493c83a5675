"""The pure core: everything that can be decided without touching the world."""
