"""Tests of the locations API."""
