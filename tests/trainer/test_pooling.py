"""From maps and patches to places: exact coordinates by hand."""

from __future__ import annotations

import torch

from trainer.models.pooling import PatchReadout, soft_points


def test_a_patch_readout_says_what_the_bright_patch_holds_and_where_it_is() -> None:
    """2 x 3 patches, the bright one in row 1, column 1; every patch votes half a cell to the right and a quarter up."""
    dim, points, rows, columns, bright = 6, 2, 2, 3, 4
    readout = PatchReadout(dim, points)
    with torch.no_grad():
        readout.look.weight.zero_()
        readout.brightness_gain.fill_(1000)
        readout.vote.weight.zero_()
        readout.vote.bias.copy_(torch.tensor([0.5, 0.5, -0.25, -0.25, 2.0, 2.0]))
        readout.embed.weight.copy_(torch.eye(dim))
        readout.embed.bias.zero_()
    patches, brightness = torch.randn(1, 1, rows * columns, dim), torch.zeros(1, 1, rows * columns, 1)
    brightness[0, 0, bright] = 1
    place = torch.tensor([0.5 / columns] * points + [1 - 0.25 / rows] * points + [2.0] * points)
    found = readout(patches, brightness, rows, columns)
    torch.testing.assert_close(found[0, 0], patches[0, 0, bright] + place)


def test_the_mass_of_a_map_counts_what_is_above_zero() -> None:
    heat, mass = torch.zeros(1, 1, 2, 4), torch.full((1, 1, 2, 4), -3.0)
    heat[0, 0, 1, 3], mass[0, 0, 0, 0] = 1.0, 8.0
    x, y, under, whole = soft_points(heat, mass, torch.tensor(1000.0))[0]
    assert (x, y, under, whole) == (1, 1, -3, 2)
