"""A download of bounded size that never leaves the server it was asked of."""

from urllib.parse import urljoin, urlsplit

CHUNK_SIZE = 2**16  # bytes; pooch writes to the disk after each chunk, and its own are 1 KiB
MAX_REDIRECTS = 5


def transfer(url, output, *, limit, timeout, progressbar=False):
    """Download to a path or a binary stream: at most `limit` bytes, and no byte from another scheme, host or port.

    What must not be tried again is an OSError; requests' errors are OSErrors too.
    """
    for _ in range(1 + MAX_REDIRECTS):
        target = _request(url, output, limit, timeout, progressbar)
        if target is None:
            return
        if _origin(target) != _origin(url):
            raise OSError(f"{url} redirects to {target[:200]}, which is another server or not as safe a connection")
        url = target
    raise OSError(f"{url} redirects more than {MAX_REDIRECTS} times")


class _RedirectError(Exception):
    """Stops a request before the body of a redirect is read."""

    def __init__(self, target):
        self.target = target


def _request(url, output, limit, timeout, progressbar):
    """Download without following redirects; return where one leads to, or None."""
    import pooch

    responses = []

    def check(response, *args, **kwargs):
        responses.append(response)
        # Not left to requests, which reads the body of a redirect, of any size, and goes to any host.
        if response.is_redirect:
            raise _RedirectError(urljoin(response.url, response.headers["location"]))
        encoding = response.headers.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            raise OSError(f"{url} came in the content encoding {encoding!r}, and none was asked for")
        response.iter_content = _limited(response.iter_content, url, limit)

    download = pooch.HTTPDownloader(
        progressbar=progressbar,
        chunk_size=CHUNK_SIZE,
        timeout=timeout,
        headers={"Accept-Encoding": "identity"},
        hooks={"response": check},
    )
    try:
        download(url, output, None)
    except _RedirectError as redirect:
        return redirect.target
    finally:
        # pooch leaves the connection of a transfer that fails to the garbage collector.
        for response in responses:
            response.close()
    return None


def _limited(iter_content, url, limit):
    """Return the method of a response that gives its body in chunks, up to the limit."""

    def chunks(*args, **kwargs):
        received = 0
        for chunk in iter_content(*args, **kwargs):
            received += len(chunk)
            if received > limit:
                raise OSError(f"{url} is larger than the {limit:,} bytes that are downloaded at most")
            yield chunk

    return chunks


def _origin(url):
    """Return scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
