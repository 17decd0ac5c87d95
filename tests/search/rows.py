"""What an index of the sounds holds."""

from teminal.search.store import Store

SOUND = ["0.wav", "1.wav", "2.wav", "3.wav", "5.wav", "more/4.wav"]


def read_rows(index, dimension=32):
    """Rows of an index by file and window, without what tells when they were made."""
    rows = Store(index, dimension).table.to_arrow().to_pylist()
    return {(row["path"].decode(), row["start_s"], row["end_s"]): row["vector"] for row in rows}
