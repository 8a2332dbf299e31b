"""Networks: maps from points to fields that supply their own partial derivatives. A new one is a new file here."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from typing import Any

import torch

from pinnsiren.errors import StorageError
from pinnsiren.jets import Channels
from pinnsiren.networks.constant import Constant
from pinnsiren.networks.corners import Cornered
from pinnsiren.networks.encoders import ConvEncoder, SetEncoder
from pinnsiren.networks.fourier import Fourier
from pinnsiren.networks.mlp import MLP
from pinnsiren.networks.module import ModuleNetwork
from pinnsiren.networks.network import LinearOutput, Network, Trace
from pinnsiren.networks.siren import Siren
from pinnsiren.networks.slabs import Slabs
from pinnsiren.networks.windows import Windows

__all__ = [
    "MLP", "Channels", "Constant", "ConvEncoder", "Cornered", "Fourier", "LinearOutput", "ModuleNetwork", "Network",
    "SetEncoder", "Siren", "Slabs", "Trace", "Windows", "build", "kinds",
]


def kinds() -> dict[str, type[Network]]:
    """Every network in this folder by its class's name, found by looking."""
    found: dict[str, type[Network]] = {}
    for module in pkgutil.iter_modules(__path__):
        members = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        found.update({m.__name__: m for m in members
                      if isinstance(m, type) and issubclass(m, Network) and not inspect.isabstract(m)})
    return found


def build(name: str, arguments: Mapping[str, Any]) -> Network:
    """The network that ``spec`` described, with its initial parameters.

    Raises:
        StorageError: no network of that name, or arguments that it does not take.
    """
    known = kinds()
    if name not in known:
        raise StorageError(f"network {name!r} is not known; expected one of {', '.join(sorted(known))}.")
    settings = dict(arguments)
    if "dtype" in settings:
        dtypes = {"float32": torch.float32, "float64": torch.float64}
        if settings["dtype"] not in dtypes:
            raise StorageError(f"dtype {settings['dtype']!r} is not known; expected one of {', '.join(dtypes)}.")
        settings["dtype"] = dtypes[settings["dtype"]]
    try:
        return known[name](**settings)
    except TypeError as error:
        raise StorageError(f"network {name} cannot be built from {dict(arguments)}: {error}.") from error
