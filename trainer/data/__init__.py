"""From a recipe on disk to batches: splits, manifest, loading, rendering."""
