"""Tests of the merge walk."""
