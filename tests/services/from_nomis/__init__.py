"""Tests of the sync consumer."""
