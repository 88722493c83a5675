"""What would keep a job from running, found before anything is created. Pure but for ``preflight`` and ``visit``."""
