"""Tests of the libraries."""
