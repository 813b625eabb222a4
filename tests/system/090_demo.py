# 090_demo: the demo tells its gaps, and leaves nothing behind however it ends
import os
import re
import signal
import subprocess
import tempfile

from lab import TOP, leftovers
from probing import wait_until
from testing import check, equal, note, test

DEADTIME, KEEPALIVE = 500, 100  # the demo's own


def marks():
    """What could stay on this machine: named network namespaces and mounts of the demo."""
    names = os.listdir('/run/netns') if os.path.isdir('/run/netns') else []
    with open('/proc/self/mountinfo', encoding='utf-8') as file:
        return names + [line.split()[4] for line in file if 'systole-' in line]


class Run:
    """The demo in a process of its own, its output in a file."""

    def __init__(self):
        self.output = tempfile.TemporaryFile('w+')
        self.before = marks()
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith('SYSTOLE_')}
        self.process = subprocess.Popen(
            ['setpriv', '--pdeathsig', 'KILL', '--', f'{TOP}/tests/system/demo'],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT,
            env=environment)

    def text(self):
        return os.pread(self.output.fileno(), 1 << 20, 0).decode()

    def wait_text(self, wanted):
        wait_until(lambda: wanted in self.text() or self.process.poll() is not None, 30,
                   f'the demo to say {wanted!r}')
        check(wanted in self.text(), f'the demo ended without {wanted!r}:\n{self.text()}')

    def descendants(self):
        """Processes that it started, and those that they started."""
        parents = {}
        for name in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{name}/stat', encoding='utf-8', errors='replace') as file:
                    parents[int(name)] = int(file.read().rpartition(')')[2].split()[1])
            except OSError:
                continue  # it ended meanwhile
        found, last = {self.process.pid}, set()
        while found != last:
            last = set(found)
            found |= {pid for pid, parent in parents.items() if parent in last}
        return found - {self.process.pid}

    def check_clean(self, started):
        """Nothing is there any more: processes, mounts, folders, named namespaces."""
        if started:
            wait_until(lambda: not [p for p in started if alive(p)], 3,
                       'every process of the demo to end')
        equal(leftovers([self.process.pid]), [], 'what the demo left behind')
        new = [name for name in marks() if name not in self.before]
        equal(new, [], 'namespaces and mounts left')


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            return file.read().rpartition(')')[2].split()[0] not in 'ZX'
    except OSError:
        return False


def figure(text, name):
    found = re.search(rf'^{name} gap: (below )?([0-9.]+) ms', text, re.MULTILINE)
    check(found, f'the output tells the {name} gap:\n{text}')
    return float(found[2])


@test(90, 'demo: power-off and return, with the measured gaps; nothing is left', limit=60)
def demo(t):
    run = Run()
    run.wait_text('POWER OFF')
    started = run.descendants()
    check(len(started) > 10, f'two nodes are many processes, not {len(started)}')
    run.process.wait(timeout=45)
    text = run.text()
    equal(run.process.returncode, 0, f'exit code of the demo, which said:\n{text}\n')
    takeover, failback = figure(text, 'takeover'), figure(text, 'failback')
    note(f'gaps: takeover {takeover:.1f} ms at deadtime {DEADTIME} ms, failback {failback:.1f} ms')
    check(DEADTIME - KEEPALIVE - 50 <= takeover <= DEADTIME + 250, f'takeover gap {takeover} ms')
    check(failback <= 200, f'failback gap {failback} ms')
    order = [text.find(word) for word in ('POWER OFF', 'TAKEOVER', 'POWER ON', 'FAILBACK',
                                          '\ntakeover gap', '\nfailback gap')]
    check(min(order) >= 0 and order == sorted(order), f'the story in its order:\n{text}')
    check('\033' not in text, 'no control characters where there is no terminal')
    run.check_clean(started)


@test(91, 'demo: interrupted by SIGINT, SIGTERM or SIGKILL it leaves nothing behind', limit=90)
def demo_interrupted(t):
    for sign, moment in ((signal.SIGTERM, 'heartbeat starts'), (signal.SIGINT, 'POWER OFF'),
                         (signal.SIGTERM, 'TAKEOVER'), (signal.SIGINT, 'POWER ON'),
                         (signal.SIGKILL, 'TAKEOVER')):
        run = Run()
        run.wait_text(moment)
        started = run.descendants()
        run.process.send_signal(sign)
        run.process.wait(timeout=20)
        code = -sign if sign == signal.SIGKILL else 128 + sign
        equal(run.process.returncode, code, f'exit code after {sign.name} at {moment!r}, which '
                                            f'said:\n{run.text()}\n')
        check(sign == signal.SIGKILL or f'interrupted by {sign.name}' in run.text(),
              f'the demo says that it was interrupted:\n{run.text()}')
        run.check_clean(started)
