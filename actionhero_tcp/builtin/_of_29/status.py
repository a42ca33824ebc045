"""`status`."""

from importlib.metadata import version

from actionhero_tcp import Api, CacheError, Connection, action

ACTIONHERO_VERSION = "29.3.5"
"""The version of actionHero whose clients are answered."""

HEALTHY, UNHEALTHY = "Node Healthy", "Node Unhealthy"

_VERSION = version("actionhero-tcp")


async def _problems(api: Api) -> list[str]:
    problems = []
    if api.memory.pressed:
        problems.append("Clients hold three quarters of limits.maxMemory")
    try:
        await api.cache.size()
    except CacheError as error:
        problems.append(str(error))
    return problems


@action(
    description="I will return some basic information about the API",
    output_example={
        "id": "86b43f5a32e6addb08d7cacd8773325e",
        "actionheroVersion": ACTIONHERO_VERSION,
        "uptime": 10469,
    },
)
async def status(api: Api, connection: Connection) -> dict[str, object]:
    """How the server is doing."""
    problems = await _problems(api)
    return {
        "id": api.stats.id,
        "actionheroVersion": ACTIONHERO_VERSION,
        "name": api.config.general.server_name,
        "description": "actionhero-tcp",
        "version": _VERSION,
        "uptime": int(api.stats.uptime * 1000),
        "consumedMemoryMB": round(api.stats.memory() / 1024 / 1024, 2),
        "resqueTotalQueueLength": 0,
        "nodeStatus": UNHEALTHY if problems else HEALTHY,
        "problems": problems,
    }
