"""The llm family: metrics and alerts kept in SQLite files, with notifications, in the program itself.

Modules as its programs import them: `metrics_collector`, `alerting`, `startup`, `logging`.
"""
