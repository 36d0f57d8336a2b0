"""What workers are asked to do in tests; in a module of its own, for they import it."""

import os

from hpsearch import devices
from hpsearch.devices import DeviceError


def where():
    return devices.own(), os.environ.get("CUDA_VISIBLE_DEVICES"), os.getpid()


def works():
    pass


def works_not_on_1():
    if devices.own() == "cuda:1":
        raise DeviceError("cuda:1: fell off the bus")


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
