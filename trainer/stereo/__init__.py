"""Two cameras that see one world: tracks of both paired, triangulated, smoothed. NumPy and SciPy only."""
