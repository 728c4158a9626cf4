"""Objects in a clip: boxes, detections, tracks, and what they are worth. Trackers and metrics need no torch."""
