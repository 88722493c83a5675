"""Builders: how a source becomes what a target runs. One file each."""
