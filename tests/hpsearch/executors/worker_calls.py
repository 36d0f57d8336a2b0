"""What workers are asked to do in tests; in a module of its own, for they import it."""

import os

from hpsearch.contracts.errors import DeviceError
from hpsearch.system import devices
from hpsearch.system.output import captured


def where():
    return devices.own(), os.environ.get("CUDA_VISIBLE_DEVICES"), os.getpid()


def works():
    pass


def works_slowly():
    import time

    time.sleep(600)


def works_not_on_1():
    if devices.own() == "cuda:1":
        raise DeviceError("cuda:1: fell off the bus")


def works_not_on_0():
    if devices.own() == "cuda:0":
        raise DeviceError("cuda:0: fell off the bus")


def never_works():
    raise DeviceError(f"{devices.own()}: fell off the bus")


def fails_on_1(x):
    if devices.own() == "cuda:1":
        raise DeviceError("RuntimeError: CUDA error: unspecified launch failure")
    return x


def dies_on_1(x):
    if devices.own() == "cuda:1":
        os._exit(1)
    return x


def raises_device_error():
    raise DeviceError("RuntimeError: CUDA error: device-side assert triggered")


def square(x):
    return x * x


def fail_as_asked():
    raise ValueError("as asked")


def die():
    os._exit(3)


def threads_and_modules():
    import sys

    import torch

    return torch.get_num_threads(), os.environ["OMP_NUM_THREADS"], "ax" in sys.modules


def node_and_folders():
    import ray

    node = ray.get_runtime_context().get_node_id()
    return node, os.environ.get("HPSEARCH_DATA"), os.environ.get("HPSEARCH_CACHE")


def read_shared(names):
    """Node, contents and times of files that are named with the variable of their folder."""
    from pathlib import Path

    paths = [Path(os.environ[name.partition("/")[0]]) / name.partition("/")[2] for name in names]
    return node_and_folders()[0], tuple(p.read_bytes() for p in paths), tuple(p.stat().st_mtime_ns for p in paths)


def broken_here():
    raise DeviceError("RuntimeError: CUDA error: uncorrectable ECC error encountered")


def device_together(folder, count):
    """Once calls of so many processes are here."""
    import time
    from pathlib import Path

    Path(folder, str(os.getpid())).touch()
    while len(list(Path(folder).iterdir())) < count:
        time.sleep(0.01)
    return devices.own(), devices.torch_name(), os.environ.get("CUDA_VISIBLE_DEVICES"), os.getpid()


def broken_once(flag):
    """The first call finds its device broken, and notes its node."""
    from pathlib import Path

    node = node_and_folders()[0]
    if not Path(flag).exists():
        Path(flag).write_text(node)
        broken_here()
    return node


def print_everywhere():
    """By Python, a C library, a child, and by a child that is handed the stream; returns what was captured of it."""
    import ctypes
    import subprocess
    import sys

    print("before")
    with captured() as printed:
        print("out")
        print("err", file=sys.stderr)
        os.write(1, b"raw\n")
        ctypes.CDLL(None).puts(b"from C")
        ctypes.CDLL(None).fflush(None)
        subprocess.run(["echo", "child"], check=True)
        subprocess.run(["echo", "handed on"], check=True, stdout=sys.stdout)
        return printed()


def print_much(lines):
    """Two calls of so many lines; returns what was captured of the second."""
    for _ in range(2):
        with captured() as printed:
            for number in range(lines):
                print(f"line {number:07d}")
            text = printed()
    return text


def print_and(then, *arguments):
    """Print, and do something that ends this process."""
    with captured():
        print("before the end")
        then(*arguments)
