"""Reading a text file of MovieLens-1M's size: python -m benchmarks.reading."""

import tempfile
import zipfile
from pathlib import Path

import numpy as np

from benchmarks.timing import in_turn, seconds
from sklearn_ncf.datasets import read_movielens

ROUNDS = 5
N_RATINGS, N_USERS, N_FILMS = 1_000_209, 6_040, 3_952


def write(folder):
    rng = np.random.RandomState(0)
    users, films = np.sort(rng.randint(1, N_USERS + 1, N_RATINGS)), rng.randint(1, N_FILMS + 1, N_RATINGS)
    stars, times = rng.randint(1, 6, N_RATINGS), rng.randint(956_703_932, 1_046_454_590, N_RATINGS)
    rows = zip(users.tolist(), films.tolist(), stars.tolist(), times.tolist(), strict=True)
    (folder / "ratings.dat").write_text("".join(f"{u}::{i}::{r}::{t}\n" for u, i, r, t in rows))
    films = (f"{i}::Film: Part {i} (1999)::Comedy|Drama\n" for i in range(1, N_FILMS + 1))
    (folder / "movies.dat").write_text("".join(films), encoding="latin-1")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "ml-1m"
        folder.mkdir()
        write(folder)
        archive = folder.with_suffix(".zip")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path in folder.iterdir():
                zipped.write(path, f"ml-1m/{path.name}")
        taken = in_turn(
            {
                "folder": lambda: seconds(read_movielens, folder),
                "archive": lambda: seconds(read_movielens, archive),
                "folder, `return_X_y=True`": lambda: seconds(read_movielens, folder, return_X_y=True),
            },
            ROUNDS,
        )
    print(f"| {N_RATINGS:,} ratings | s |\n|---|---|")
    for name, value in taken.items():
        print(f"| {name} | {value:.2f} |")


if __name__ == "__main__":
    main()
