"""Synthetic video with exact ground truth: paths, cameras, rasteriser, recipes. NumPy only.

what can be asked for    catalogue (data sets by name, `make`) -> recipe (what all kinds share, and their file)
trajectories             tiers (ranges), families (paths), sampling (drawn until in view), variants (180 views)
                         equations, descriptions: what a path is, in formulas and words
persistence, objects     scenes (the form of both), parts, lives, placing, cast (how they are filled)
                         truth (boxes, visible shares), bayes (what can be told from lives alone)
geometry                 motion (closed forms), camera
pixels                   video (`render`) -> trails (one sphere a frame) or sprites (any number), raster, noise
                         shapes (exact coverage), atlas (its table), patches (from place to pixels)
random numbers           streams (by address); everything else from a `numpy.random.Generator` passed in
to look at it            preview, `python -m renderer preview`
"""
