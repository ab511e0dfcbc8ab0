"""The import path `utils` over `pharos.compat.llm`."""
