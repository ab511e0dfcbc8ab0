"""Requests of a web application: rate, duration, sizes, status and errors by route.

`asgi.PharosMiddleware` (FastAPI, Starlette), `flask.PharosFlask`, `django.PharosMiddleware`. The label
`route` is the route's pattern (`/users/{id}`), never the address, so that its values stay few.
"""

from .requests import Answered, RequestMetrics

__all__ = ["Answered", "RequestMetrics"]
