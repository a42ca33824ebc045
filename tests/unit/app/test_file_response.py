"""What an action returns to answer with a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import FileResponse
from actionhero_tcp.connection.files import FileReader


class FileResponseTests(SynchronousTestCase):
    """`FileResponse`."""

    def test_says_what_the_header_says(self) -> None:
        response = FileResponse(FileReader(os.open(os.devnull, os.O_RDONLY), 0), header=True)
        self.assertEqual({"bytes": 0, "sha256": None, "offset": 0}, response.fields)

    def test_refuses_what_is_no_reader_where_it_is_made(self) -> None:
        wrong: Any
        with open(os.devnull, "rb") as opened:
            for wrong, kind in (("a.txt", "str"), (Path("a"), "PosixPath"), (None, "NoneType")):
                with self.assertRaisesRegex(TypeError, f"api.files.open.* not from a {kind}"):
                    FileResponse(wrong)
            with self.assertRaisesRegex(TypeError, "not from a BufferedReader"):
                FileResponse(opened)  # type: ignore[arg-type]
