"""The contract between host and laptop: records, run directory, codec. Standard library only, Python >= 3.9."""
