"""A process in a world of its own: mount and PID namespaces over the machine's root.

    with cell.Cell("postfix", ["postfix", "start-fg"], trees=[prefix], binds={...}) as c:

The cell sees the machine's root with `trees` laid over it; what it writes outside its `binds`
disappears with it. It shares the network namespace of whoever starts it: own_network() puts the
whole script where there is only a loopback, so that nothing it sends can leave the machine. Ending
the cell ends every process in it. CPU is read from a control group of the cell's own, or, where
none can be made, summed over its processes. All of it needs root.
"""

import ctypes
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time

CLOCK_TICK = os.sysconf("SC_CLK_TCK")


def own_network():
    """Runs this script again in a network namespace with nothing but loopback in it."""
    if os.environ.get("MAILHANDLER_OWN_NETWORK"):
        return
    if os.geteuid() != 0:
        sys.exit("needs root: it makes mount and network namespaces (sudo env PATH=$PATH make …)")
    os.environ["MAILHANDLER_OWN_NETWORK"] = "1"
    # A wide port range: a load of one connection per message leaves thousands in TIME_WAIT.
    script = ("ip link set lo up && sysctl -q -w net.ipv4.ip_local_port_range='10000 65000' "
              "net.core.somaxconn=4096 && exec \"$@\"")
    os.execvp("unshare", ["unshare", "--net", "sh", "-c", script, "sh", sys.executable, *sys.argv])


def _control_group(name):
    """A new control group that counts CPU, as (directory, file to read, units per second)."""
    for top, file, unit in (("/sys/fs/cgroup/unified", "cpu.stat", 1e6),
                            ("/sys/fs/cgroup", "cpu.stat", 1e6),
                            ("/sys/fs/cgroup/cpuacct", "cpuacct.usage", 1e9)):
        place = pathlib.Path(top, f"mailhandler-{name}-{os.getpid()}")
        try:
            place.mkdir(exist_ok=True)
            if (place / file).exists() and (place / "cgroup.procs").exists():
                return place, place / file, unit
            place.rmdir()
        except OSError:
            continue
    return None


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Cell:
    def __init__(self, name, command, trees=(), binds=None, users=(), groups=(), files=None,
                 setup="", log=None):
        """binds: {directory here: directory inside}; users and groups: lines for /etc/passwd and
        /etc/group; files: {path inside: content}; setup: shell run inside before the command."""
        self.name = name
        self.log = pathlib.Path(log) if log else None
        self.work = tempfile.TemporaryDirectory(prefix=f"cell-{name}-")
        script = self._script(command, trees, binds or {}, users, groups, files or {}, setup)
        self.group = _control_group(name)
        output = open(self.log, "ab") if self.log else subprocess.DEVNULL
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            preexec_fn=self._enter)

    def _enter(self):
        _die_with_parent()
        if self.group:
            (self.group[0] / "cgroup.procs").write_text(str(os.getpid()))

    def _script(self, command, trees, binds, users, groups, files, setup):
        quote = shlex.quote
        base = self.work.name
        root = base + "/m/root"
        lines = ["set -e", f"mkdir {base}/m", f"mount -t tmpfs cell {base}/m",
                 f"mkdir {base}/m/up {base}/m/work {root}",
                 # The trees lie below /, and overlay layers must not: so they are copied.
                 *(f"cp -a {quote(str(tree))}/. {base}/m/up/" for tree in trees),
                 f"mount -t overlay -o lowerdir=/,upperdir={base}/m/up,workdir={base}/m/work cell {root}",
                 f"mount -t proc proc {root}/proc", f"mount --rbind /dev {root}/dev",
                 f"mount --rbind /sys {root}/sys"]
        for here, inside in binds.items():
            lines += [f"mkdir -p {quote(root + inside)}",
                      f"mount --bind {quote(str(here))} {quote(root + inside)}"]
        for file, entries in (("passwd", users), ("group", groups)):
            lines += [f"echo {quote(entry)} >> {root}/etc/{file}" for entry in entries]
        for path, content in files.items():
            lines += [f"mkdir -p {quote(os.path.dirname(root + path))}",
                      f"printf %s {quote(content)} > {quote(root + path)}"]
        # Process 1 is a shell that waits: it dies with unshare, and the namespace with it. A server
        # in its place would outlive both, for changing its user clears the signal it is to get.
        inside = f"set -e\ncd /\n{setup}\n{' '.join(map(quote, command))} & wait $!"
        lines.append(f"exec chroot {root} /bin/sh -c {quote(inside)}")
        return "\n".join(lines)

    def _first(self):
        """The cell's process 1, as seen from here."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            raise RuntimeError(f"{self.name} has ended: {self.tail()}")
        return int(children[0])

    def run(self, *command):
        """Runs a command inside and returns its output."""
        done = subprocess.run(["nsenter", "-t", str(self._first()), "-m", "-p", "-r", "-w", *command],
                              capture_output=True, text=True)
        return done.stdout + done.stderr

    def cpu(self):
        """Seconds of CPU, user and system, of everything that ever ran in the cell."""
        if self.group:
            text = self.group[1].read_text()
            value = text.split()[1] if self.group[1].name == "cpu.stat" else text
            return int(value) / self.group[2]
        namespace = os.readlink(f"/proc/{self._first()}/ns/pid")
        total = 0
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(entry / "ns/pid") == namespace:
                    # utime stime cutime cstime: fields 14 to 17 of proc(5), counted after the name
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    total += sum(map(int, fields[11:15]))
            except OSError:
                continue
        return total / CLOCK_TICK

    def alive(self):
        return self.process.poll() is None

    def tail(self):
        return self.log.read_text(errors="replace")[-2000:] if self.log and self.log.exists() else ""

    def stop(self):
        if self.alive():
            self.process.kill()  # --kill-child takes process 1, and with it the namespace
        self.process.wait()
        if self.group:
            self._remove_group()
        self.work.cleanup()

    def _remove_group(self):
        for _ in range(100):
            try:
                return self.group[0].rmdir()
            except OSError:  # until the last process is gone
                time.sleep(0.05)
        raise RuntimeError(f"{self.name}: processes are left in {self.group[0]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
