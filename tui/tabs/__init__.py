"""What the screen of one worker shows, one tab a file."""
