"""Only connections to the API server are cut, and only those that are open."""

from bench.network import local_ports

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0AC812C6:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0AC812C6:C350 01C812C6:4E20 01 00000000:00000000 02:00000000 00000000     0        0 2 2 0 100 0 0 10 0
   2: 0AC812C6:C351 01C812C6:4E20 06 00000000:00000000 00:00000000 00000000     0        0 3 2 0 100 0 0 10 0
   3: 0AC812C6:C352 01C812C6:01BB 01 00000000:00000000 00:00000000 00000000     0        0 4 2 0 100 0 0 10 0
"""


def test_open_connections_to_a_port_are_found() -> None:
    assert local_ports(TABLE, 20000) == [0xC350]
