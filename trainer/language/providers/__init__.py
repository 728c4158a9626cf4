"""Language models that answer a prompt: services behind an API, and local folders."""
