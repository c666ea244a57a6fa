"""The stages of a run, and what starts and stops one."""
