"""
Measure cold walks by latency, requests in flight and TLS, and print a table.

Run it in the project's environment, with the extra `test` and `./run` called once before.
nginx serves the files; its echo module waits for the latency before it answers.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
from bench import depth, generate, run

from hn_comments.simulator import World


# Milliseconds until an answer. The last is what the real site takes under load.
LATENCIES = (0, 50, 150, 285)

IN_FLIGHT = (50, 100, 200, 500, 1000)

NGINX = """
load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;
worker_processes 1;
worker_rlimit_nofile 8192;
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 4096; multi_accept on; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 1000000;
    open_file_cache max=20000 inactive=1h;
    client_body_temp_path {dir}/tmp; proxy_temp_path {dir}/tmp; fastcgi_temp_path {dir}/tmp;
    uwsgi_temp_path {dir}/tmp; scgi_temp_path {dir}/tmp;
    ssl_certificate {dir}/server.pem;
    ssl_certificate_key {dir}/server.pem;
    ssl_protocols TLSv1.3;
    ssl_session_cache shared:walks:10m;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.1:{tls_port} ssl backlog=4096;
        root {dir};
        {slow}
    }}
}}
"""

SLOW = "location ~ ^/slow{ms}(/.*)$ {{ echo_sleep {seconds}; echo_exec $1; }}"


@contextmanager
def nginx(directory: Path, port: int) -> Iterator[dict[str, str]]:
    """
    Serve the directory plain and over TLS; yield both addresses without a path.
    """
    (directory / "tmp").mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "ca.pem")
    served = authority.issue_cert("127.0.0.1")
    served.private_key_and_cert_chain_pem.write_to_path(directory / "server.pem")
    slow = "\n".join(SLOW.format(ms=ms, seconds=ms / 1000) for ms in LATENCIES if ms)
    config = directory / "nginx.conf"
    config.write_text(NGINX.format(dir=directory, port=port, tls_port=port + 1, slow=slow))
    with subprocess.Popen(["nginx", "-c", config]) as server:
        time.sleep(0.5)
        if server.poll() is not None:
            sys.exit(f"nginx did not start:\n{(directory / 'error.log').read_text()}")
        try:
            yield {"plain": f"http://127.0.0.1:{port}", "TLS": f"https://127.0.0.1:{port + 1}"}
        finally:
            server.terminate()


def measure(url: str, args: argparse.Namespace, connections: int, ca: Path) -> tuple[float, float]:
    """
    Return the seconds of a cold walk and its microseconds of CPU a fetch, of the best round each.

    On a machine that others use, that one was disturbed least.
    """
    extra = {"BENCH_CONNECTIONS": str(connections), "SSL_CERT_FILE": str(ca)}
    runs = [run("ours", "plain", url, args.stories, **extra) for _ in range(args.rounds)]
    if errors := [each["error"] for each in runs if "error" in each]:
        sys.exit(errors[0])
    return (
        min(each["seconds"] for each in runs),
        min(1e6 * each["cpu"] / each["fetches"] for each in runs),
    )


def items_below(world: World) -> int:
    """
    Return how many items a walk of the whole front page reads.
    """
    return sum(1 + len(list(world.walk(story))) for story in world.top)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--stories", type=int, default=50, help="default: 50")
    parser.add_argument("--port", type=int, default=8297, help="and the next; default: 8297")
    parser.add_argument("--latency", type=int, nargs="+", default=LATENCIES, choices=LATENCIES)
    parser.add_argument("--in-flight", type=int, nargs="+", default=IN_FLIGHT)
    args = parser.parse_args()

    world = World(stories=args.stories)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)  # nginx serves it as another user
        generate(directory, world, [args.stories])
        items, steps = items_below(world), depth(world, args.stories)
        print(f"{items} items, depth {steps}: seconds / bound, microseconds of CPU a fetch")
        print("| latency | " + " | ".join(map(str, args.in_flight)) + " |")
        print("| --- |" + " --- |" * len(args.in_flight))
        with nginx(directory, args.port) as urls:
            for kind, url in urls.items():
                for ms in args.latency:
                    bound = (items / 1000 + steps) * ms / 1000
                    base = f"{url}/slow{ms}/v0" if ms else f"{url}/v0"
                    cells = []
                    for connections in args.in_flight:
                        took, cpu = measure(base, args, connections, directory / "ca.pem")
                        ratio = f" ({took / bound:.2f})" if bound else ""
                        cells.append(f"{took:.2f} s{ratio}, {cpu:.0f}")
                    print(f"| {ms} ms, {kind} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
