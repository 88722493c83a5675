"""Talking to the apiserver: whose credentials, over which connection, and how its objects are watched."""
