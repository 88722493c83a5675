"""The process that owns one job on this machine: starts its replicas, keeps their output, ends everything.

Standard library only, and no import of the rest of Ciao but the job store's ``logfile`` and ``lock``:
it runs as ``python -I -S``, so that it is there in 25 ms and no site-packages can break it.
"""
