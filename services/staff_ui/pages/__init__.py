"""The pages of prison staff."""
