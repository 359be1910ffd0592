"""The web view: what a store holds, as pages in a browser that only read.

`artigraph ui` on the command line starts it. `create_app` returns it as an ASGI application.
"""

from artigraph.ui._app import create_app
from artigraph.ui._security import Authorize
from artigraph.ui._serve import serve

__all__ = ["Authorize", "create_app", "serve"]
