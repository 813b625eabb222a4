# lab: a throw-away root folder with the installed scripts, and calls whose outcome is checked
import os
import re
import shutil
import stat
import subprocess
import threading
import time

FIFO = '/var/lib/heartbeat/fifo'
HOST_FOLDERS = ('usr/bin', 'usr/sbin', 'etc/alternatives', 'dev', 'proc', 'sys')
HOST_FILES = ('etc/nsswitch.conf', 'etc/ld.so.cache')
AGENTS = 'usr/lib/ocf/resource.d/heartbeat'
PASSWD = 'root:x:0:0::/root:/bin/sh\nhacluster:x:991:991::/:/bin/false\n'
GROUP = 'root:x:0:\nhaclient:x:991:\n'


class Lab:
    """The root that scripts see. Needs a private mount namespace; /usr/libexec is its own."""

    def __init__(self, root, source, build):
        self.root = root
        subprocess.run(['mount', '-t', 'tmpfs', 'scripts-lab', root], check=True)
        self._stand_in_programs(build, f'{source}/scripts/INSTALL.table')
        with open(f'{source}/scripts/INSTALL.table') as table:
            subprocess.run(['scripts/install-table', 'install', root, f'{root}/build'],
                           stdin=table, cwd=source, check=True)
        shutil.rmtree(f'{root}/build')
        self._bind_host()
        self.clean()

    def _stand_in_programs(self, build, table):
        """All that the table takes from the build is a script that does nothing; IPaddr is real."""
        os.mkdir(f'{self.root}/build')
        with open(table) as lines:
            for name in re.findall(r' @B@/(\S+) ', lines.read()):
                self.write(f'/build/{name}', '#!/bin/sh\nexit 0\n', 0o755)
        shutil.copy(f'{build}/IPaddr', f'{self.root}/build/IPaddr')

    def _bind_host(self):
        for folder in HOST_FOLDERS:
            os.makedirs(f'{self.root}/{folder}', exist_ok=True)
            subprocess.run(['mount', '--rbind', f'/{folder}', f'{self.root}/{folder}'], check=True)
        # /usr/lib entry by entry: OCF agents of the lab's own shall stand beside the host's files
        os.mkdir(f'{self.root}/host-lib')
        subprocess.run(['mount', '--rbind', '/usr/lib', f'{self.root}/host-lib'], check=True)
        for name in set(os.listdir('/usr/lib')) - {'ocf'}:
            if not os.path.lexists(f'{self.root}/usr/lib/{name}'):
                os.symlink(f'/host-lib/{name}', f'{self.root}/usr/lib/{name}')
        for name in ('bin', 'sbin', 'lib', 'lib64', 'lib32', 'libx32'):
            if os.path.islink(f'/{name}'):
                os.symlink(os.readlink(f'/{name}'), f'{self.root}/{name}')
        if os.path.isdir('/usr/lib64'):
            os.makedirs(f'{self.root}/usr/lib64', exist_ok=True)
            subprocess.run(['mount', '--rbind', '/usr/lib64', f'{self.root}/usr/lib64'],
                           check=True)
        for name in HOST_FILES:
            if os.path.exists(f'/{name}'):
                shutil.copy(f'/{name}', f'{self.root}/{name}')
        for folder in ('tmp', 'run', 'var/lock', 'etc/init.d', 'trace', AGENTS):
            os.makedirs(f'{self.root}/{folder}', exist_ok=True)
        self.write('/etc/passwd', PASSWD)
        self.write('/etc/group', GROUP)

    def path(self, inside):
        return self.root + inside

    def write(self, inside, text, mode=0o644):
        with open(self.path(inside), 'w') as out:
            out.write(text)
        os.chmod(self.path(inside), mode)

    def read(self, inside):
        try:
            with open(self.path(inside)) as text:
                return text.read()
        except FileNotFoundError:
            return ''

    def remove(self, inside):
        path = self.path(inside)
        if os.path.lexists(path):
            os.unlink(path)

    def clean(self):
        """No FIFO, no traces, a `sleep` that only notes how long it should have taken."""
        self.wait_until_idle()
        self.remove(FIFO)
        shutil.rmtree(self.path('/trace'))
        os.mkdir(self.path('/trace'))
        self.write('/usr/libexec/heartbeat/sleep',
                   '#!/bin/sh\necho "$1" >>/trace/sleeps\n', 0o755)

    def wait_until_idle(self):
        """What earlier calls left in the background would speak into the next one's FIFO."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and any(map(self._lives_here, os.listdir('/proc'))):
            time.sleep(0.02)

    def _lives_here(self, pid):
        try:
            return pid.isdigit() and os.readlink(f'/proc/{pid}/root') == self.root
        except OSError:
            return False  # gone, or a zombie

    def make_fifo(self):
        self.remove(FIFO)
        os.mkfifo(self.path(FIFO), 0o600)

    def trace(self, name='calls'):
        return self.read(f'/trace/{name}').splitlines()

    def resource(self, name, folder='/etc/ha.d/resource.d'):
        """A resource script steered by files: NAME.up, NAME.fail-OP, NAME.says."""
        self.write(f'{folder}/{name}', RESOURCE.replace('@NAME@', name), 0o755)

    def call(self, argv, env=None, user=None, seconds=20, stdin=None, deaf=False):
        """Runs argv inside; `deaf`: nobody reads the FIFO meanwhile."""
        environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HA_CURHOST': 'n1'}
        environment.update(env or {})
        return Outcome(self, argv, environment, user, seconds, stdin, deaf)


RESOURCE = '''#!/bin/sh
for op; do :; done
printf '%s' "@NAME@" >>/trace/calls
printf ' [%s]' "$@" >>/trace/calls
echo >>/trace/calls
state=/trace/@NAME@
if [ -e "$state.fail-$op" ]; then exit 7; fi
case $op in
start) : >"$state.up" ;;
stop) rm -f "$state.up" ;;
status)
  if [ -e "$state.says" ]; then cat "$state.says"
  elif [ -e "$state.up" ]; then echo running
  else echo stopped; fi
  ;;
esac
'''


class Outcome:
    """What one call printed and answered, how long it took, and what it wrote to the FIFO."""

    def __init__(self, lab, argv, env, user, seconds, stdin, deaf):
        self.argv = argv
        listener = Listener(lab.path(FIFO), deaf)

        def enter():
            os.chroot(lab.root)
            os.chdir('/')
            if user:
                os.setgid(user)
                os.setuid(user)

        begin = time.monotonic()
        try:
            done = subprocess.run(argv, env=env, preexec_fn=enter, capture_output=True, text=True,
                                  timeout=seconds, input=stdin)
            self.exit, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired:
            self.exit, self.stdout, self.stderr = 'hung', '', ''
        self.seconds = time.monotonic() - begin
        self.messages = listener.close()


class Listener(threading.Thread):
    """Stands for the daemon: reads the FIFO, if there is one; one entry for each read."""

    def __init__(self, path, deaf):
        super().__init__(daemon=True)
        self.chunks = []
        is_fifo = os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode)
        self.listens = is_fifo and not deaf
        if self.listens:
            # a second, own writer keeps the FIFO from ending between two messages
            self.reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            self.writer = os.open(path, os.O_WRONLY)
            os.set_blocking(self.reader, True)
            self.start()

    def run(self):
        while True:
            chunk = os.read(self.reader, 65536)
            if chunk == b'end':
                return
            if chunk.endswith(b'end'):
                self.chunks.append(chunk[:-3].decode())
                return
            self.chunks.append(chunk.decode())

    def close(self):
        if self.listens:
            os.write(self.writer, b'end')
            self.join()
            os.close(self.reader)
            os.close(self.writer)
        return self.chunks


class Report:
    """Counts checks; a failed one is printed with what was seen."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, what, good, seen=None):
        if good:
            self.passed += 1
            return
        self.failed += 1
        print(f'FAILED: {what}')
        for line in ([] if seen is None else str(seen).splitlines() or ['(nothing)']):
            print(f'    {line}')

    def same(self, what, seen, wanted):
        self.check(what, seen == wanted, f'wanted {wanted!r}\nseen   {seen!r}')

    def outcome(self, what, outcome, exit=0, stdout='', stderr=None):
        """Exit code and whole stdout; stderr: a regular expression, or None for any."""
        seen = f'exit {outcome.exit}\nstdout {outcome.stdout!r}\nstderr {outcome.stderr!r}'
        good = outcome.exit == exit and outcome.stdout == stdout
        if stderr is not None:
            good = good and re.fullmatch(stderr, outcome.stderr, re.S) is not None
        self.check(f'{what}: {" ".join(outcome.argv)}', good,
                   f'{seen}\nwanted exit {exit}, stdout {stdout!r}, stderr {stderr!r}')
