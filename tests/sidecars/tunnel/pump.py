"""Moves bytes as fast as Python can: a program on the other machine, a user, and a plain relay to compare with.

`pump.py source PORT` gives each who connects as many bytes as it asks for; `pump.py relay PORT TO` leads from one port
to another; `pump.py fetch PORT BYTES COUNT` asks for them COUNT times at once, and prints the seconds.
"""

import socket
import sys
import threading
import time

BLOCK = 256 * 1024


def serve(port: int, handle: object) -> None:
    listener = socket.create_server(("127.0.0.1", port), backlog=100)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=handle, args=(connection,), daemon=True).start()  # type: ignore[arg-type]


def give(connection: socket.socket) -> None:
    block = bytes(BLOCK)
    with connection:
        left = int(connection.recv(100))
        while left > 0:
            left -= connection.send(memoryview(block)[:left])


def join(to: int, connection: socket.socket) -> None:
    other = socket.create_connection(("127.0.0.1", to))
    threading.Thread(target=copy, args=(connection, other), daemon=True).start()
    copy(other, connection)


def copy(source: socket.socket, sink: socket.socket) -> None:
    block = bytearray(BLOCK)
    while count := source.recv_into(block):
        sink.sendall(memoryview(block)[:count])
    sink.shutdown(socket.SHUT_WR)


def get(port: int, count: int) -> None:
    block, left = bytearray(BLOCK), count
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"%d\n" % count)
        while left and (got := connection.recv_into(block)):
            left -= got
    if left:
        raise SystemExit(f"{left} of {count} bytes are missing")


def fetch(port: int, count: int, times: int) -> None:
    failed: list[BaseException] = []

    def one() -> None:
        try:
            get(port, count)
        except BaseException as error:  # noqa: BLE001  (it is told)
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(times)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(str(failed[0]))
    sys.stdout.write(f"{time.monotonic() - begun}\n")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[2:]]
    if sys.argv[1] == "source":
        serve(numbers[0], give)
    elif sys.argv[1] == "relay":
        serve(numbers[0], lambda connection: join(numbers[1], connection))
    else:
        fetch(*numbers)
