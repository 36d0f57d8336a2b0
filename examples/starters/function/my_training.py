"""What is trained: a function of a configuration and a seed. Put your own training in its place."""

import random

from hpsearch import FunctionTask, Objective, Result


def train(configuration, seed):
    """Train once with these hyperparameters; all that is random comes from the seed.

    Returns a number, or a Result with more: metrics, which no search sees, and curves of one value per epoch.
    """
    noise = random.Random(seed)
    loss, speed, curve = 2.0, 0.0, []
    for _ in range(20):  # descent on a parabola with noisy gradients, in the place of a training
        speed = configuration.get("momentum", 0.0) * speed - configuration["rate"] * (loss - 0.1 + noise.gauss(0, 0.05))
        loss = min(abs(loss + speed), 10.0)
        curve.append(loss)
    return Result(loss, metrics={"test_loss": loss + noise.gauss(0, 0.02)}, curves={"loss": curve})


# What `train` returns: its name, what guessing gives (a trial that fails counts with it), and which way is better.
TASK = FunctionTask(train, Objective("loss", chance=2.0, direction="minimise", bounds=(0, None)))
