"""Small archives in the layouts that GroupLens publishes, with the same made ratings in each."""

import io
import zipfile

import pandas as pd

# Variant of fetch_movielens: folder inside the archive, and the layout of its files.
VARIANTS = {
    "100k": ("ml-100k", "u.data"),
    "1m": ("ml-1m", "ratings.dat"),
    "10m": ("ml-10M100K", "ratings.dat"),
    "latest-small": ("ml-latest-small", "ratings.csv"),
    "25m": ("ml-25m", "ratings.csv"),
    "32m": ("ml-32m", "ratings.csv"),
}
RATINGS = pd.DataFrame(
    {
        "user": [7, 7, 2, 2, 9],
        "item": [30, 10, 20, 10, 30],
        "rating": [5.0, 3.0, 1.0, 4.0, 2.0],
        "timestamp": [978300760, 978302109, 978301968, 978300275, 1688000000],
    }
)
# The title as the files have it, with the year; the title and the year of the result; the genres.
ITEMS = [
    (30, "Misérables, Les: Part:: Two (1995)", "Misérables, Les: Part:: Two", 1995, "Drama|War"),
    (10, "Toy Story (1995)", "Toy Story", 1995, "Animation|Children's|Comedy"),
    (20, "unknown", "unknown", pd.NA, "(no genres listed)"),
    (40, "None (1972)", "None", 1972, "Film-Noir"),
]
# Of the users with ratings, 9 is not listed. The last field but one is the code of MovieLens-1M.
USERS = [
    (7, "M", 24, "writer", 20, "85711"),
    (5, "F", 1, "other", 0, "V0R2M0"),
    (2, "F", 56, "artist", 2, "98107-2117"),
]
FLAGS = [
    *["unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"],
    *["Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"],
]


def rating_lines(layout, ratings=RATINGS):
    """Return the text of the file of ratings."""
    separator = {"u.data": "\t", "ratings.dat": "::", "ratings.csv": ","}[layout]
    rows = [
        (str(user), str(item), f"{rating:g}" if layout != "ratings.csv" else str(rating), str(timestamp))
        for user, item, rating, timestamp in ratings.itertuples(index=False)
    ]
    if layout == "ratings.csv":
        rows.insert(0, ("userId", "movieId", "rating", "timestamp"))
    return "".join(separator.join(row) + "\n" for row in rows)


def movie_lines(layout, items=ITEMS):
    """Return the text of the file of films."""
    if layout == "ratings.dat":
        return "".join(f"{item}::{text}::{genres}\n" for item, text, _, _, genres in items)
    if layout == "ratings.csv":
        quoted = [(item, '"' + text.replace('"', '""') + '"', genres) for item, text, _, _, genres in items]
        return "movieId,title,genres\n" + "".join(f"{item},{text},{genres}\n" for item, text, genres in quoted)
    lines = []
    for item, text, _, _, genres in items:
        flags = [str(int(name in genres.split("|"))) for name in FLAGS]
        if genres == "(no genres listed)":
            flags[0] = "1"
        lines.append("|".join([str(item), text, "01-Jan-1995", "", "http://example.org/x", *flags]) + "\n")
    return "".join(lines)


def user_lines(variant):
    """Return the text of the file of users."""
    if variant == "100k":
        return "".join(f"{user}|{age}|{gender}|{name}|{place}\n" for user, gender, age, name, _, place in USERS)
    return "".join(f"{user}::{gender}::{age}::{code}::{place}\n" for user, gender, age, _, code, place in USERS)


def make_files(variant):
    """Return name and bytes of the files of a variant, those included that are not read."""
    folder, layout = VARIANTS[variant]
    movies = {"u.data": "u.item", "ratings.dat": "movies.dat", "ratings.csv": "movies.csv"}[layout]
    encoding = "latin-1" if variant in ("100k", "1m") else "utf-8"
    aside = {"u.data": "u1.base", "ratings.dat": "tags.dat", "ratings.csv": "tags.csv"}[layout]
    files = {
        f"{folder}/README": b"terms",
        f"{folder}/{layout}": rating_lines(layout).encode("ascii"),
        f"{folder}/{movies}": movie_lines(layout).encode(encoding),
        f"{folder}/{aside}": b"not to be read\n",
    }
    if variant in ("100k", "1m"):
        files[f"{folder}/{'u.user' if variant == '100k' else 'users.dat'}"] = user_lines(variant).encode("ascii")
    return files


def zip_of(files):
    """Return an archive of the files as bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def make_archive(variant):
    """Return the archive of a variant as bytes."""
    return zip_of(make_files(variant))


def make_folder(parent, variant):
    """Write the files of a variant below a folder and return the one that holds the ratings."""
    for name, content in make_files(variant).items():
        path = parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return parent / VARIANTS[variant][0]
