"""Lines of the Hosts screen: pure functions of what is known about a host."""
