"""What is drawn: pure functions from a snapshot to lines, and the few widgets that put lines on the screen."""
