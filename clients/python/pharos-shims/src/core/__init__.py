"""The import path `core` over `pharos.compat.amptalk`."""
