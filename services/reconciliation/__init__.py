"""Reconciliation: finds where both systems differ and has it settled; writes to neither (ADR 0006)."""
