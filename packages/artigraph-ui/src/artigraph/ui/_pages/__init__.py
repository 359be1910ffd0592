"""The pages, one in each module: `async def page(request) -> Response`."""
