"""`file`."""

from actionhero_tcp import NO_RESPONSE, Api, Connection, NoResponse, action


@action(
    description="I will return the content of a file, as it is", output_example={}, sends_file=True
)
def file(api: Api, connection: Connection, *, fileName: str) -> NoResponse:
    """Answers with the raw content of a file under ``general.flatFileDirectory``."""
    connection.send_file(api.files.open(fileName))
    return NO_RESPONSE
