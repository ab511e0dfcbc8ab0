"""The import path `monitoring` over `pharos.compat.llm`."""
