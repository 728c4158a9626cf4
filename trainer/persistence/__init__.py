"""Does an object stay, or do things only come and go? Clips through detector and tracker, judged track by track."""
