"""Learns to name and to forecast the path of an object from video, and reports what it really learned."""
