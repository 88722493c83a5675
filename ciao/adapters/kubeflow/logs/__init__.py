"""Every line of every pod once, or a marked gap.

Pure: ``logcursor`` and what it stands on, ``logpace``. The others read: ``logread`` once, ``containerlog`` one
container's log to its end, ``joblogs`` all of a job; ``logtail`` follows what another process writes.
"""
