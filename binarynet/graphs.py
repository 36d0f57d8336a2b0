"""Repeating work on a device: on a GPU as a CUDA graph, on a CPU by calling it again."""

from __future__ import annotations

from collections.abc import Callable

import torch

EAGER_CALLS = 3
"""Calls before a graph is recorded: in the first ones libraries set themselves up and optimizers make their state."""


class Repeated:
    """Calls a function again and again; its tensors stay at fixed places, and it neither awaits nor reads a result.

    A launch costs some microseconds, and a step of a small network is a hundred launches. So on a GPU the fourth call
    records them all as one graph, and from then on a call is one launch. On a CPU every call runs the function.
    """

    def __init__(self, function: Callable[[], object], device: str) -> None:
        self.function = function
        self.eager_calls = EAGER_CALLS
        self.stream = torch.cuda.Stream(device) if torch.device(device).type == "cuda" else None  # type: ignore[no-untyped-call]
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Run the function once more."""
        if self.stream is None:
            self.function()
        elif self.eager_calls:
            self.eager_calls -= 1
            # torch asks that the calls before a recording run on a stream of their own.
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self.function()
            torch.cuda.current_stream().wait_stream(self.stream)
        else:
            if self.graph is None:
                self.graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self.graph, stream=self.stream):  # records, and runs nothing
                    self.function()
            self.graph.replay()
