"""The aiohttp kit: typed handlers, roles, problems, health, the OpenAPI document, and sessions to other APIs."""
