"""Spoken digits: recordings or synthetic speech, log-mel features, a fully connected binary network."""

from audio_task.task import AudioTask

TASK = AudioTask()
