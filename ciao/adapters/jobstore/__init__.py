"""Jobs and their logs on disk. This file imports nothing: a supervisor without site-packages loads ``logfile``."""
