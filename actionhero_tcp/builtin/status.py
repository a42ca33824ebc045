"""`status`."""

from actionhero_tcp import Api, CacheError, Connection, action


@action(
    description="I will return some basic information about the API",
    output_example={
        "stats": {
            "id": "86b43f5a32e6addb08d7cacd8773325e",
            "uptimeSeconds": 34.163,
            "memoryConsumption": 33013760,
            "heldBytes": 4096,
            "cache": {"numberOfObjects": 0},
            "socketServer": {
                "numberOfGlobalSocketRequests": 1,
                "numberOfLocalSocketRequests": 1,
                "numberOfLocalActiveSocketClients": 1,
            },
            "threads": {"running": 0, "waiting": 0},
            "closed": {"quit": 3, "client closed": 12},
            "limits": {"maxLineLength": 1},
            "blocked": 0,
        }
    },
)
async def status(api: Api, connection: Connection) -> dict[str, object]:
    """How the server is doing."""
    stats, threads = api.stats, api.threads
    cluster = api.cluster.status()
    try:
        objects = await api.cache.size()
    except CacheError:
        objects = None
    return {
        "stats": {
            "id": stats.id,
            "uptimeSeconds": round(stats.uptime, 3),
            "memoryConsumption": stats.memory(),
            "heldBytes": api.memory.held,
            "cache": {"numberOfObjects": objects},
            "socketServer": {
                "numberOfGlobalSocketRequests": stats.global_requests,
                "numberOfLocalSocketRequests": stats.requests,
                "numberOfLocalActiveSocketClients": stats.connections,
            },
            "threads": {"running": threads.running, "waiting": threads.waiting},
            "closed": dict(stats.closed),
            "limits": dict(stats.limited),
            "blocked": stats.blocked,
            **cluster,
        }
    }
