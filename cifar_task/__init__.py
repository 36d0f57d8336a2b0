"""CIFAR-10 with binary convolutional networks."""

from cifar_task.task import CifarTask

TASK = CifarTask()
