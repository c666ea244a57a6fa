"""Tests of the messaging kit."""
