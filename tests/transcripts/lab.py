# lab: a fake master with the real status process in a folder of its own, and raw API clients
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import queue

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = f"{ROOT}/build/{os.environ.get('MODE', 'release')}"
PATIENCE = 20  # seconds until a missing answer is a failure; a loaded machine may be slow


class Lab:
    """`with Lab(scene) as lab:` runs a daemon; what it printed and did not fit a wait is lost."""

    def __init__(self, scene="all-up", ha_cf="ha.cf-two-nodes", text=""):
        self.scene, self.ha_cf, self.text = scene, ha_cf, text

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="systole-api-")
        os.chmod(self.folder, 0o755)
        self.path = f"{self.folder}/register"
        config = f"{self.folder}/ha.cf"
        with open(f"{HERE}/{self.ha_cf}", encoding="utf-8") as template:
            with open(config, "w", encoding="utf-8") as copy:
                copy.write(template.read() + self.text)
        self.process = subprocess.Popen([f"{BUILD}/fake_master", self.folder, self.scene, config],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        bufsize=1)
        self.said, self.all_said = queue.Queue(), []
        threading.Thread(target=self._listen, daemon=True).start()
        self.wait_for("ready")
        if self.scene != "stopped":
            self.wait_until_open()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.wait(PATIENCE) != 0:
            raise AssertionError(f"the fake master ended with {self.process.returncode}")
        shutil.rmtree(self.folder)

    def _listen(self):
        for line in self.process.stdout:
            self.all_said.append(line)
            self.said.put(line.rstrip("\n"))
        self.said.put(None)

    def wait_for(self, beginning):
        """The next line that begins so; others are passed over."""
        while True:
            line = self.said.get(timeout=PATIENCE)
            if line is None:
                raise AssertionError(f"the fake master ended while '{beginning}' was awaited")
            if line.startswith(beginning):
                return line

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        if command != "status":
            self.wait_for("done " + command)

    def wait_until_open(self):
        for _ in range(PATIENCE * 100):
            try:
                Client(self).close()
                return
            except ConnectionRefusedError:
                threading.Event().wait(0.01)
        raise AssertionError("the register socket does not listen")

    def status_pid(self):
        self.tell("status")
        return int(self.wait_for("pid").split()[1])

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8") as log:
            return log.read()

    def environment(self):
        return dict(os.environ, HEARTBEAT_API_SOCKET=self.path)


def frame(body, length=None, magic=0xABCD):
    return struct.pack("=iI", len(body) if length is None else length, magic) + body


def classic(**fields):
    lines = "".join(f"{name}={value}\n" for name, value in fields.items())
    return f">>>\n{lines}<<<\n\0".encode()


def fields_of(body):
    """The first of each field, of either encoding."""
    found = {}
    if body.startswith(b"###\n"):
        rest = body[4:]
        while not rest.startswith(b"%%%\n"):
            size, _, rest = rest.partition(b":")
            item, rest = rest[3:3 + int(size) - 3], rest[int(size) + 1:]
            name, _, value = item.partition(b"=")
            found.setdefault(name.decode(), value.decode(errors="replace"))
        return found
    for line in body.decode(errors="replace").split("\n")[1:]:
        if line.startswith("<<<"):
            break
        name, _, value = line.partition("=")
        found.setdefault(name, value)
    return found


class Client:
    """A raw connection to the API, as any program could make one."""

    count = 0

    def __init__(self, lab, name=None):
        Client.count += 1
        # An id that begins with the pid is a casual one; one process may have several.
        self.name = name or f"{os.getpid()}.{Client.count}"
        self.buffer = b""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.connect(lab.path)
        except OSError:
            self.socket.close()
            raise
        self.socket.settimeout(PATIENCE)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, body):
        self.socket.sendall(frame(body))

    def receive(self):
        """Fields of the next message, or None at end of file."""
        while True:
            if len(self.buffer) >= 8:
                length, magic = struct.unpack("=iI", self.buffer[:8])
                assert magic == 0xABCD and 0 <= length <= 262144
                if len(self.buffer) >= 8 + length:
                    body = self.buffer[8:8 + length]
                    self.buffer = self.buffer[8 + length:]
                    return fields_of(body)
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.buffer += data

    def request(self, reqtype, **more):
        self.send(classic(t="hbapi-req", reqtype=reqtype, pid=os.getpid(), from_id=self.name,
                          **more))

    def ask(self, reqtype, **more):
        """The replies to a request; other messages on the way are passed over."""
        self.request(reqtype, **more)
        replies = []
        while not replies or replies[-1]["result"] == "ok/more":
            message = self.receive()
            if message is None:
                return replies
            if message["t"] == "hbapi-resp":
                replies.append(message)
        return replies

    def sign_on(self):
        return self.ask("signon", uid=os.geteuid(), gid=os.getegid())[0]
