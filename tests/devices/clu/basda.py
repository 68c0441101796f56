"""Stub of the libraries below LVM's `lvmtan` (Nice, Basda: on no index), over the simulated motor of the fibre mask.

`install` puts the modules where lvmtan's unmodified workers import them. `run` starts one worker as LVM's service does.
The motor is asked over a line of text (`Mask` in hardware.py), and each call blocks as that of the real service.
"""

import asyncio
import socket
import sys
import threading
from types import ModuleType
from typing import Any

_FULL_TURN = 17939
"""Motor steps of a whole turn; source: lvm.spec.fibsel-dev.conf of sdss-lvmtan 0.3.6."""

_motor_port = 0


def _motor(words: str) -> tuple[int, bool]:
    """One exchange with the motor: steps, moving."""
    with socket.create_connection(("127.0.0.1", _motor_port), timeout=3) as wire:
        wire.sendall(f"{words}\n".encode())
        steps, moving = wire.makefile().readline().split()
    return int(steps), moving == "1"


class _Node:
    """A node of a configuration tree. The leaves are plain values."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree

    def _at(self, path: str) -> Any:
        tree = self.tree
        for key in path.split("."):
            tree = tree[key]
        return tree

    def exist(self, path: str) -> bool:
        """Return whether there is such a node."""
        try:
            self._at(path)
        except (KeyError, TypeError):
            return False
        return True

    def node(self, path: str) -> "_Node":
        """Return the node at a path."""
        return _Node(self._at(path))

    def hasLeaf(self) -> bool:  # noqa: N802 - the library's name
        """Return whether it has a value."""
        return True

    def children(self, names: list[str]) -> None:
        """Append the names of the nodes below."""
        names.extend(self.tree)

    def toPy(self) -> Any:  # noqa: N802 - the library's name
        """Return the plain value."""
        return self.tree

    def __getitem__(self, key: str) -> Any:
        return self.tree[key]

    @property
    def MapStringString(self) -> "_Node":  # noqa: N802 - the library's name
        """Value as a mapping."""
        return self

    @property
    def String(self) -> str:  # noqa: N802 - the library's name
        """Value as text."""
        return str(self.tree)

    @property
    def Int(self) -> int:  # noqa: N802 - the library's name
        """Value as a number."""
        return int(self.tree)


_DEVICE = {
    "LOAD": {"LIB": "BasdaMoccaMpiaNDevice"},
    "MOD": {"W1": {"CFG": {"CONNECTION": {"MODULE": 6}, "DATASHEET": {"ENCODER": {"TYPE": 0}}}}},
    "CFG": {"FULLTURN": _FULL_TURN},
}


class _Configured:
    """What has a configuration."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self._tree = tree

    def config(self, path: str = "") -> _Node:
        """Return the configuration, or its node at a path."""
        root = _Node(self._tree)
        return root.node(path) if path and root.exist(path) else _Node({}) if path else root


class _Value:
    """A reply of the library."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def getValue(self) -> Any:  # noqa: N802 - the library's name
        """Return what it holds."""
        return self._value

    def isDone(self) -> bool:  # noqa: N802 - the library's name
        """Return whether a motion has ended."""
        return bool(self._value)


class _Wheel(_Configured):
    """The service of a wheel, as the worker calls it."""

    def isReachable(self) -> bool:  # noqa: N802 - the library's name
        """Return whether the motor answers."""
        try:
            _motor("where")
        except OSError:
            return False
        return True

    def isMoving(self) -> bool:  # noqa: N802 - the library's name
        """Return whether it turns."""
        return _motor("where")[1]

    def isAtHome(self) -> bool:  # noqa: N802 - the library's name
        """Return whether it is at its reference."""
        return _motor("where")[0] == 0

    def getPosition(self) -> float:  # noqa: N802 - the library's name
        """Return where it is, steps."""
        return float(_motor("where")[0])

    def getDeviceEncoderPosition(self, unit: str) -> float:  # noqa: ARG002, N802 - the library's name
        """Return the same by the controller's own counter."""
        return self.getPosition()

    def getVelocity(self) -> int:  # noqa: N802 - the library's name
        """Return the set speed."""
        return 1

    def getPositionSwitchStatus(self) -> list[_Value]:  # noqa: N802 - the library's name
        """Return the reference switches."""
        return [_Value(0)]

    def moveAbsoluteStart(self, position: float, unit: str) -> None:  # noqa: ARG002, N802 - the library's name
        """Begin to move."""
        _motor(f"move {round(position)}")

    def moveAbsoluteCompletion(self) -> _Value:  # noqa: N802 - the library's name
        """Return whether the motion has ended."""
        return _Value(not _motor("where")[1])

    def moveAbsoluteWait(self) -> None:  # noqa: N802 - the library's name
        """Collect the result of a motion that has ended."""

    def stop(self) -> None:
        """Stop the motor."""
        _motor("stop")


class _Worker(_Configured):
    """The base class of all workers."""

    def __init__(self, name: str) -> None:
        super().__init__(_worker_trees[name])
        self.name = name
        self.worker = self

    def setState(self, state: str) -> None:  # noqa: N802 - the library's name
        """Report the state to the service's framework."""
        raise RuntimeError(state)


_worker_trees: dict[str, dict[str, Any]] = {}


def install(motor_port: int) -> None:
    """Make the modules importable."""
    global _motor_port  # noqa: PLW0603 - one mask in a process
    _motor_port = motor_port
    nice = ModuleType("Nice")
    for name in ("A_LOG", "E_LOG", "F_LOG", "I_LOG", "N_LOG", "U7_LOG", "U8_LOG", "U9_LOG", "W_LOG"):
        setattr(nice, name, lambda words, name=name: print(name, words, file=sys.stderr))  # noqa: T201
    nice.setLogName = lambda _: None  # type: ignore[attr-defined]
    nice.Time = type("Time", (), {"seconds": staticmethod(float)})  # type: ignore[attr-defined]
    nice.Application = _Configured({})  # type: ignore[attr-defined]
    nice.SeqString = list  # type: ignore[attr-defined]
    nice.Exception = RuntimeError  # type: ignore[attr-defined]
    basda = ModuleType("Basda")
    basda.ServiceIsBusyException = RuntimeError  # type: ignore[attr-defined]
    basda.Basdard = type(  # type: ignore[attr-defined]
        "Basdard",
        (),
        {
            "interface": staticmethod(lambda _: _Wheel({"DEVICE": "lvm.spec.fibsel-dev"})),
            "device": staticmethod(lambda _: _Configured(_DEVICE)),
        },
    )
    service = ModuleType("BasdaService")
    service.Worker = _Worker  # type: ignore[attr-defined]
    service.ServiceState = type("ServiceState", (), {"OFFLINE": "offline"})  # type: ignore[attr-defined]
    modules = (nice, basda, service, ModuleType("BasdaMoccaException"), ModuleType("BasdaMoccaX"))
    sys.modules.update({module.__name__: module for module in modules})


def run(name: str, connection: dict[str, Any]) -> None:
    """Start the worker of the fibre selector, with an event loop in a thread of its own, and return."""
    tree = {"CFG": {"RABBITMQ": {"CONN": {"name": name, **{key: str(value) for key, value in connection.items()}}}}}
    tree["CFG"]["SERVICE"] = "lvm.spec.fibsel-svc"  # type: ignore[assignment]
    _worker_trees[name] = tree
    ready, failures = threading.Event(), []

    def serve() -> None:
        from lvmtan.BasdaMoccaWheelCluPythonServiceWorker import (  # noqa: PLC0415 - needs the stubs
            BasdaMoccaWheelCluPythonServiceWorker,
        )

        try:
            worker = BasdaMoccaWheelCluPythonServiceWorker(name)
            worker.init()
            worker.activate()
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            ready.set()
        asyncio.get_event_loop().run_forever()

    threading.Thread(target=serve, daemon=True).start()
    ready.wait()
    if failures:
        raise failures[0]
