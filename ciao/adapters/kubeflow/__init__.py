"""A cluster with Kubeflow's training operator: every replica a pod.

What is pure stands apart from what talks to the apiserver:

- what is sent: ``kinds``, ``names``, ``options``, ``environment``, ``pods``, ``manifest``, ``configmap``, ``overlay``
- what comes back: ``facts`` (shapes of objects), ``podfacts``, ``jobfacts``, ``eventfacts``, ``troubles``
- how nothing is lost or repeated: ``watchcache`` for objects, ``logcursor`` (and ``stamps``) for lines

None of these waits, reads or writes anything; objects are the API's own JSON as plain dicts.
"""
