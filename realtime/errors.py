"""What can go wrong, in the words a user can act on.

::

    SwapcastError                something the user can mend; shown as one line, exit code 1
    ├── SettingError             a value or a combination of values that cannot work; exit code 2
    ├── SourceError              a camera, clip or stream that cannot be opened or read
    ├── SinkError                a virtual camera, file or address that cannot be written
    ├── ModelError               a network file that is missing, damaged or of the wrong form
    └── ConsentError             a face that may not be used
"""


class SwapcastError(Exception):
    """Something the user can mend. The text says what came and what to do."""


class SettingError(SwapcastError):
    """A value, or a combination of values, that cannot work."""


class SourceError(SwapcastError):
    """A camera, clip or stream that cannot be opened or read."""


class SinkError(SwapcastError):
    """A virtual camera, file or address that cannot be written."""


class ModelError(SwapcastError):
    """A network file that is missing, damaged or of the wrong form."""


class ConsentError(SwapcastError):
    """A face that may not be used: no consent record, or one that does not hold."""
