"""Tests of the migration service."""
