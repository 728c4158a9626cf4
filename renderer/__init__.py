"""Synthetic video with exact ground truth: paths, cameras, rasteriser, recipes. NumPy only."""
