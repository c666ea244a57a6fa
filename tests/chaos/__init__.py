"""The whole estate under fire, and judges of it that share no code with what they judge."""
