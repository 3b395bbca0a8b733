"""A network of this process's own, with nothing in it but loopback: every port is free, and everybody may listen on 25."""

import ctypes
import fcntl
import os
import pathlib
import socket
import struct

NEW_NETWORK, NEW_USER = 0x40000000, 0x10000000  # unshare(2)
SET_FLAGS, UP = 0x8914, 1  # netdevice(7)


def enter():
    """For this process and those it starts. Fails where the machine does not let us: nothing is skipped."""
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NETWORK if user == 0 else NEW_NETWORK | NEW_USER) != 0:
        raise OSError(ctypes.get_errno(), "a network of its own is needed, and unshare(2) refuses it")
    if user != 0:
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh22x", b"lo", UP))
