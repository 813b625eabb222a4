# hosts: a host of the lab: namespaces of its own, and an overlay of this machine's files
import glob
import json
import os
import shlex
import shutil
import signal
import subprocess
import time

import peer

TOP = peer.TOP
HELPERS = f"{TOP}/build/{os.environ.get('MODE', 'release')}/lab"
ECHO = '/usr/local/lib/lab-echo'  # inside a host, which may not see the repository
HEARTBEAT = '/usr/libexec/heartbeat/heartbeat'
ENVIRONMENT = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
               'LANG': 'C', 'HOME': '/root', 'TERM': 'dumb'}
USERS = 'hacluster:x:991:991:Heartbeat:/var/lib/heartbeat:/bin/false\n'
GROUPS = 'haclient:x:991:\n'
FOLDERS = ('run', 'dev', 'proc', 'sys', 'tmp', 'var/log', 'var/lock/subsys', 'var/lib/heartbeat',
           'etc/ha.d')
DEVICES = ('null', 'zero', 'full', 'random', 'urandom', 'tty')

# The machine's own /dev, /run, /tmp and /proc are nowhere to be seen inside.
BOOT = r'''set -eu
ulimit -l unlimited 2>/dev/null || : # not every root may
cd "$1"; hostname "$2"
mount -t overlay lab-"$2" -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" root
cd root
mount -t proc proc proc
mount -t sysfs sysfs sys
for folder in run tmp dev; do mount -t tmpfs -o mode=755 lab-$folder $folder; done
chmod 1777 tmp
mkdir -p run/lock/subsys dev/shm dev/pts run/old
for device in $3; do : > dev/$device; mount --bind /dev/$device dev/$device; done
mount -t tmpfs lab-shm dev/shm
ln -s /proc/self/fd dev/fd
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ip link set lo up
ip -batch - <<END
$4
END
pivot_root . run/old
cd /
umount -l run/old
rmdir run/old
exec env -i "$5"
'''


def bound(argv):
    """The command of a process that dies with this one, whatever kills it."""
    return ['setpriv', '--pdeathsig', 'KILL', '--'] + argv


def execute(argv, timeout=20, text=None, check=False):
    """Runs a command to its end, with its output; the clean environment of a daemon."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=timeout,
                          env=ENVIRONMENT, errors='replace')
    if check and done.returncode != 0:
        raise RuntimeError(f'{shlex.join(argv)}: exit {done.returncode}: '
                           f'{done.stdout}{done.stderr}'.strip())
    return done


class NetworkSpace:
    """A network namespace without a name: it ends with the lab's process, so none can leak."""

    def __init__(self):
        here = os.readlink('/proc/self/ns/net')
        self.keeper = subprocess.Popen(bound(['unshare', '--net', 'sleep', 'infinity']),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.path = f'/proc/{self.keeper.pid}/ns/net'
        limit = time.monotonic() + 5
        while os.readlink(self.path) == here:
            if self.keeper.poll() is not None or time.monotonic() > limit:
                raise RuntimeError('cannot make a network namespace (are you root?)')
            time.sleep(0.001)

    def enter(self, argv):
        return ['nsenter', f'--net={self.path}', '--'] + argv

    def batch(self, lines):
        """Several commands of ip(8) in one process."""
        execute(self.enter(['ip', '-batch', '-']), text='\n'.join(lines) + '\n', check=True)

    def close(self):
        self.keeper.kill()
        self.keeper.wait()


class Host:
    """One node. `implementation` names what it runs; `root` is that program's install tree."""

    def __init__(self, lab, name, number, implementation, root):
        self.lab, self.name, self.number = lab, name, number
        self.implementation = implementation
        self.folder = f'{lab.folder}/{name}'
        self.space = NetworkSpace()
        self.addresses = {}  # interface -> address/bits of its own
        self.addresses6 = set()  # address/bits of its own, see configuration.add_ipv6
        self.process = None
        self._init_pid = None
        for part in ('upper', 'work', 'root'):
            os.makedirs(f'{self.folder}/{part}')
        # Into the writable layer, not one of its own: overlay refuses a layer that lies in another.
        if root:
            execute(['cp', '-a', f'{root}/.', f'{self.folder}/upper'], check=True)
        peer.set_group_id(f'{self.folder}/upper')
        os.makedirs(os.path.dirname(f'{self.folder}/upper{ECHO}'), exist_ok=True)
        shutil.copy(f'{HELPERS}/echo', f'{self.folder}/upper{ECHO}')
        for folder in FOLDERS:
            os.makedirs(f'{self.folder}/upper/{folder}', exist_ok=True)
        # The machine may hold files of a heartbeat of its own; a host never sees them.
        for folder in ('var/lib/heartbeat', 'var/log'):
            os.setxattr(f'{self.folder}/upper/{folder}', 'trusted.overlay.opaque', b'y')
        self._plant('etc/passwd', _with_line('/etc/passwd', 'hacluster:', USERS))
        self._plant('etc/group', _with_line('/etc/group', 'haclient:', GROUPS))
        self._plant('etc/hostname', f'{name}\n')
        for user, owner in (('root', 0), ('hacluster', 991), ('nobody', 65534)):
            cores = f'{self.folder}/upper/var/lib/heartbeat/cores/{user}'
            os.makedirs(cores, exist_ok=True)
            os.chown(cores, owner, owner)
            os.chmod(cores, 0o700)

    def _plant(self, path, text, mode=0o644):
        full = f'{self.folder}/upper/{path}'
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(full, mode)

    # ---- power

    @property
    def powered(self):
        return self._init_pid is not None and self.process.poll() is None

    def boot(self):
        """Starts the host: /var and /etc as they were left, /run and the interfaces fresh."""
        assert not self.powered, f'{self.name} runs already'
        links = []
        for interface, address in self.addresses.items():
            links += [f'address add {address} broadcast + dev {interface}',
                      f'link set {interface} up']
        inside = ['sh', '-c', BOOT, 'boot', self.folder, self.name, ' '.join(DEVICES),
                  '\n'.join(links), ECHO]
        command = self.space.enter(['unshare', '--mount', '--uts', '--pid', '--ipc', '--fork',
                                    '--kill-child=KILL', '--propagation', 'private'] + inside)
        self.process = subprocess.Popen(bound(command), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=ENVIRONMENT)
        if self.process.stdout.readline() != 'up\n':
            raise RuntimeError(f'{self.name} does not boot: {self.process.stderr.read()}')
        with open(f'/proc/{self.process.pid}/task/{self.process.pid}/children') as children:
            self._init_pid = int(children.read().split()[0])

    def power_off(self):
        """Everything stops at once. Returns the wall-clock time at which the links went down."""
        assert self.powered, f'{self.name} is off already'
        lines = [f'link set {port} down' for port in self.lab.ports_of(self)]
        self.lab.space.batch(lines)
        when = time.time()
        os.kill(self._init_pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        lines = [f'link set {port} up' for port in self.lab.ports_of(self)]
        down = []
        for interface in self.addresses:
            down += [f'address flush dev {interface}', f'link set {interface} down']
        if down:
            self.space.batch(down)
            self.lab.space.batch(lines)
        self._init_pid = None
        return when

    def reset(self):
        """Power off and on again."""
        when = self.power_off()
        self.boot()
        return when

    def close(self):
        if self.powered:
            os.kill(self._init_pid, signal.SIGKILL)
        if self.process:
            self.process.kill()
            self.process.wait()
        self.space.close()

    # ---- commands and files

    def enter(self, argv):
        if not self.powered:
            raise RuntimeError(f'{self.name} is powered off; it cannot run {argv[0]}')
        return ['nsenter', '--target', str(self._init_pid), '--all', '--'] + argv

    def run(self, *argv, timeout=20, text=None, check=False):
        """Runs a command in the host; returns returncode, stdout, stderr."""
        return execute(self.enter(list(argv)), timeout, text, check)

    def shell(self, command, **how):
        return self.run('sh', '-c', command, **how)

    def path(self, path):
        """The host's file, seen from outside, also while it is powered off (then only its own)."""
        if self.powered:
            return f'/proc/{self._init_pid}/root{path}'
        return f'{self.folder}/upper{path}'

    def write(self, path, text, mode=0o644):
        full = self.path(path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(full, mode)

    def plant_tree(self, tree, path):
        """Copies a folder of the machine, which the host may not see, into the host."""
        full = self.path(path)
        os.makedirs(full, exist_ok=True)
        execute(['cp', '-a', f'{tree}/.', f'{full}/'], timeout=60, check=True)

    def read(self, path):
        """The text of a file, empty if it is not there."""
        try:
            with open(self.path(path), encoding='utf-8', errors='replace') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def log(self):
        return self.read('/var/log/ha-log')

    def log_lines(self, pattern):
        """Lines of the log that contain a text."""
        return [line for line in self.log().splitlines() if pattern in line]

    # ---- heartbeat

    def start(self, timeout=20):
        """/etc/init.d/heartbeat start"""
        done = self.run('/etc/init.d/heartbeat', 'start', timeout=timeout)
        if done.returncode != 0:
            raise RuntimeError(f'{self.name}: heartbeat does not start, exit {done.returncode}:\n'
                               f'{done.stdout}{done.stderr}{self.log()[-2000:]}')
        return done

    def stop(self, timeout=60):
        """/etc/init.d/heartbeat stop: graceful, waits for the end."""
        return self.run('/etc/init.d/heartbeat', 'stop', timeout=timeout, check=True)

    def cl_status(self, *arguments):
        return self.run('/usr/bin/cl_status', *arguments)

    def rscstatus(self):
        return self.cl_status('rscstatus').stdout.strip()

    def nodestatus(self, node):
        return self.cl_status('nodestatus', node).stdout.strip()

    def standby(self, what='all'):
        return self.run('/usr/share/heartbeat/hb_standby', what, check=True)

    def takeover(self, what='all'):
        return self.run('/usr/share/heartbeat/hb_takeover', what, check=True)

    def service_addresses(self):
        """Addresses on the interfaces beyond the host's own."""
        if not self.powered:
            return []
        own = set(self.addresses.values()) | self.addresses6
        links = json.loads(self.run('ip', '-json', 'address', check=True).stdout)
        found = []
        for link in links:
            for entry in link.get('addr_info', ()):
                text = f"{entry['local']}/{entry['prefixlen']}"
                if (link['ifname'] in self.addresses and text not in own
                        and entry['scope'] != 'link'):
                    found.append(entry['local'])
        return found

    def resources(self):
        """Names of the test resources that run here (see configuration.RESOURCE_SCRIPT)."""
        if not self.powered:
            return []
        return sorted(os.path.basename(p)[5:] for p in glob.glob(self.path('/run/tres.*')))

    def resource_log(self):
        """What the test resources were asked: a list of (time, name, operation)."""
        entries = []
        for line in self.read('/var/log/tres').splitlines():
            when, name, operation = line.split()[:3]
            entries.append((float(when), name, operation))
        return entries

    def processes(self):
        """Title of each process of heartbeat by its pid inside the host."""
        found = {}
        for line in self.run('ps', '-eo', 'pid=,args=', check=True).stdout.splitlines():
            pid, title = line.strip().split(None, 1)
            if title.startswith('heartbeat:') or title.split()[0] == HEARTBEAT:
                found[int(pid)] = title
        return found

    def kill(self, title, sign=signal.SIGKILL):
        """Signals the processes whose title contains a text; returns how many there were."""
        pids = [pid for pid, text in self.processes().items() if title in text]
        for pid in pids:
            self.run('kill', f'-{int(sign)}', str(pid))
        return len(pids)


def _with_line(path, key, line):
    with open(path, encoding='utf-8') as file:
        kept = [text for text in file if not text.startswith(key)]
    return ''.join(kept) + line
