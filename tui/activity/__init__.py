"""Lines of the Activity screen: pure functions of what was done."""
