"""Connects again and again, and resets each connection at once: PORT SECONDS. Prints how many it made."""
import socket
import struct
import sys
import time

port, seconds = int(sys.argv[1]), float(sys.argv[2])
end = time.monotonic() + seconds
count = 0
while time.monotonic() < end:
    for _ in range(16):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            peer.connect(("127.0.0.1", port))
            count += 1
        except OSError:
            pass
        peer.close()
    time.sleep(0.002)
print(count)
