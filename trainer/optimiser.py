"""AdamW as torch has it, without its entries for torch.compile."""

from __future__ import annotations

import inspect

import torch


class AdamW(torch.optim.AdamW):
    """The same steps, to the bit. torch wraps these methods for those who compile their optimiser, and so imports its
    compiler into every program that has one: 2 s of CPU and 75 MB. We compile the model at most.
    """

    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)
    state_dict = inspect.unwrap(torch.optim.AdamW.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.AdamW.load_state_dict)
    zero_grad = inspect.unwrap(torch.optim.AdamW.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
