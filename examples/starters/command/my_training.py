"""What is trained: a command of the shell. Put your own in the place of COMMAND.

It gets the configuration and the seed as JSON on its standard input, {"rate": 0.1, "seed": 7}, and prints the result as
JSON in its last line: {"loss": 0.3}, with any other numbers as metrics.
"""

import json
import subprocess
import sys

from hpsearch import FunctionTask, Objective, Result

COMMAND = [sys.executable, __file__]  # such as ["./train", "--epochs", "10"]: this file trains below, as an example
OBJECTIVE = Objective("loss", chance=2.0, direction="minimise", bounds=(0, None))


def train(configuration, seed):
    """Run the command once; if it fails, so does the trial, with the end of what it wrote to standard error."""
    given = json.dumps({**configuration, "seed": seed})
    done = subprocess.run(COMMAND, input=given, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)  # kept: hpsearch trials my_training.db --log METHOD REPEAT TRIAL
    if done.returncode:
        raise RuntimeError(f"{COMMAND[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    last = (done.stdout.strip().splitlines() or [""])[-1]
    try:
        metrics = json.loads(last)
        objective = metrics.pop(OBJECTIVE.name)
    except (ValueError, TypeError, AttributeError, KeyError):
        raise RuntimeError(f'the last line has no JSON such as {{"{OBJECTIVE.name}": 0.3}}: {last[:200]!r}') from None
    return Result(objective, metrics=metrics)


TASK = FunctionTask(train, OBJECTIVE)


if __name__ == "__main__":  # the command of the example: descent on a parabola with noisy gradients
    import random

    given = json.load(sys.stdin)
    noise = random.Random(given["seed"])
    loss, speed = 2.0, 0.0
    for epoch in range(20):
        speed = given.get("momentum", 0.0) * speed - given["rate"] * (loss - 0.1 + noise.gauss(0, 0.05))
        loss = min(abs(loss + speed), 10.0)
        print("epoch", epoch, "loss", loss)
    print(json.dumps({"loss": loss, "test_loss": loss + noise.gauss(0, 0.02)}))
