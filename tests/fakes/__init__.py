"""Fakes of the remote services; each passes the contract suite of the real one."""
