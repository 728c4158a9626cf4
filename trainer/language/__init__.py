"""Equations and descriptions of what a model saw, by rules or by a language model."""
