"""Extractors behind one interface, and the unified model on top of them."""
