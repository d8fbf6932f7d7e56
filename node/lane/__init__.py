"""The hot lane: simple resolutions answered by the connection itself, all else by aiohttp."""
