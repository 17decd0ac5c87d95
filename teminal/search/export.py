"""Write one embedding of each file to a Parquet or NumPy file."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from teminal.audio import printable
from teminal.files import write_whole


def write_embeddings(output_file: Path, names: list[str], embeds: np.ndarray) -> None:
    """Write columns `path`, see [`printable`], and `embedding` (len(names), D) to a .parquet or .npz file."""
    paths = [printable(name) for name in names]

    def write(beside: Path) -> None:
        if output_file.suffix == ".npz":
            with open(beside, "wb") as file:  # to a path NumPy would add .npz
                np.savez(file, path=np.array(paths), embedding=embeds)
        else:
            column = pa.FixedSizeListArray.from_arrays(embeds.ravel(), embeds.shape[1])
            pq.write_table(pa.table({"path": paths, "embedding": column}), beside)

    write_whole(output_file, write)
