"""Fixtures for every test: plugins live in tests/fixtures, one subject a file."""

pytest_plugins = ["tests.fixtures.ssh"]
