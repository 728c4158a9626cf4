"""The control plane: hosts, connections, launches, follow and sync. Never imports Textual or torch."""
