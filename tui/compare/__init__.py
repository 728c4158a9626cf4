"""What Compare says: pure functions from a comparison to lines, files and a picture. Nothing here knows Textual."""
