"""ImageNet, or any folder of images laid out like it, with binary convolutional networks."""

from imagenet_task.task import ImageNetTask

TASK = ImageNetTask()
