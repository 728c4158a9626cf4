"""A causal 3D-convolutional video tokenizer (MAGVIT-v2): video -> a grid of integer codes -> video."""
