"""Programs under test: started on free ports of 127.0.0.1, their output watched, ended by their own process id."""

import os
import random
import re
import signal
import socket
import subprocess
import threading
import time

HOST = "127.0.0.1"
_taken = set()
_lock = threading.Lock()


class Failure(Exception):
    """A check that did not see what it waits for."""


def free_port(offsets):
    """A port from which on all offsets are free for TCP and UDP; below the range that the system hands out itself."""
    with _lock:
        while True:
            port = random.randrange(20000, 28000)
            block = {port + offset for offset in offsets}
            if not block & _taken and all(map(_free, block)):
                _taken.update(block)
                return port


def _free(port):
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as s:
                s.bind((HOST, port))
    except OSError:
        return False
    return True


class Program:
    """One child process with all that it prints."""

    def __init__(self, command):
        self.command = command
        self._text = ""
        self._ended = False
        self._news = threading.Condition()
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        fd = self._child.stdout.fileno()
        while chunk := os.read(fd, 65536):
            with self._news:
                self._text += chunk.decode(errors="replace")
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def text(self):
        with self._news:
            return self._text

    def say(self, line):
        try:
            self._child.stdin.write(line + "\n")
            self._child.stdin.flush()
        except OSError:
            raise Failure(f"{os.path.basename(self.command[0])} has ended, cannot be told: {line}") from None

    def hears(self, pattern, seconds):
        """The first match in all that was printed so far and will be within the time."""
        until = time.monotonic() + seconds
        with self._news:
            while not (match := re.search(pattern, self._text, re.M)):
                left = until - time.monotonic()
                if left <= 0 or self._ended:
                    raise Failure(f"not printed{' before its end' if self._ended else f' in {seconds} s'}: {pattern}")
                self._news.wait(left)
            return match

    def status(self, seconds):
        """The exit status, waited for."""
        try:
            status = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"still running after {seconds} s") from None
        self._reader.join(2)
        return status

    def peak(self):
        """The most memory it has had at once, in KiB."""
        with open(f"/proc/{self._child.pid}/status") as status:
            return int(re.search(r"^VmHWM:\s*(\d+) kB", status.read(), re.M)[1])

    def accepts(self, port, seconds):
        """Waits until a connection to the port is accepted."""
        until = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection((HOST, port), 1).close()
                return
            except OSError as refused:
                if time.monotonic() > until or self._child.poll() is not None:
                    raise Failure(f"port {port} was not opened: {refused}") from None
                time.sleep(0.02)

    def stop(self):
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self._child.poll() is None:
                os.killpg(self._child.pid, sign)
            try:
                self._child.wait(3)
                break
            except subprocess.TimeoutExpired:
                continue
        self._reader.join(2)

    def tail(self):
        kept = self.text().splitlines()[-10:]
        return "\n".join([f"    $ {' '.join(self.command)[:200]}", *(f"    | {line[:200]}" for line in kept)])
