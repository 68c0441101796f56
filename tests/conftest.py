"""What holds for every test."""

import signal

# Under nohup, and under some services, SIGHUP is ignored, and every child inherits that; safelight respects it. The
# tests want to see what a closed terminal does, whoever started them.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
