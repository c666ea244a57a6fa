"""The generated NOMIS estate."""
