"""Tests of the house itself: rules that no linter knows."""
