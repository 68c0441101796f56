"""Other engines that safelight is compared with, each in a process of its own that prints one JSON value."""
