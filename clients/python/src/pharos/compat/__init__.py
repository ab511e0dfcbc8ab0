"""Libraries that programs already call, with their names and arguments, on Pharos' engine.

`climate_monitor`, `amptalk`, `health_guardian`, `llm` and `tensorfleet`; each is its own module, and
importing one imports none of the others.
"""
