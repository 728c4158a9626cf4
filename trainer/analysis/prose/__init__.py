"""A run's analysis in words, by rules or by a language model, every figure of it checked against the run's own."""
