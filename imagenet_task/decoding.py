"""One image file -> one square of pixels. The bytes of this module are part of every cache's key: change it, and all
images are decoded again.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FORMATS = ("BMP", "JPEG", "PNG", "PPM", "WEBP")
"""What an image may be in, by its contents. Pillow knows more, some of which start other programs."""


def square(contents: bytes, side: int) -> NDArray[np.uint8]:
    """The middle of an image, (side, side, 3): red, green and blue.

    The largest square in the image's middle is resized to the side, with the bilinear filter that widens where it
    shrinks. That is torchvision's `Resize(side)`, `CenterCrop(side)`, except that the longer side is not rounded to
    whole pixels before the crop; and memory is bounded by the source, however long and thin that is. Grey, palette
    and CMYK images become RGB, transparency is dropped. A camera's note of how to turn the image is ignored, as
    torchvision ignores it.

    Raises:
        Exception: of any kind, for what is no whole image in one of FORMATS, or one of over 179 million pixels.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, and of half as many pixels as would be refused
        with Image.open(io.BytesIO(contents), formats=FORMATS) as image:
            pixels = image.convert("RGB")
    width, height = pixels.size
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    resized = pixels.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, left + short, top + short))
    return np.asarray(resized, np.uint8)
