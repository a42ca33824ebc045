"""`file`."""

from actionhero_tcp import ActionError, Api, Connection, FileResponse, action


@action(
    description="I will return the content of a file, as it is", output_example={}, sends_file=True
)
def file(
    api: Api,
    connection: Connection,
    *,
    fileName: str,
    header: bool = False,
    offset: float = 0,
    length: int | None = None,
) -> FileResponse:
    """Answers with the raw content of a file under ``general.flatFileDirectory``.

    With ``header`` a line about it precedes the content, and ``offset`` and ``length`` ask
    for a part. Without it they mean nothing: each request has an ``offset``.
    """
    reader = api.files.open(fileName)
    if header:
        if offset != int(offset):
            raise ActionError("offset must be a whole number")
        reader.select(int(offset), length)
    return FileResponse(reader, header)
