"""Records of problems, arrays and expressions in one HDF5 file without pickle: ``write`` and ``read``."""

from pinnsiren.storage.file import read, write

__all__ = ["read", "write"]
