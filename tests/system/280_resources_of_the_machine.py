# 280_resources_of_the_machine: full disks, read-only files, nothing left to fork, open or allocate
import os
import time

from lab import VIP1
from testing import check, equal, note, test

SMALL = ('/var/log', '/var/lib/heartbeat')
PIDS = '/sys/fs/cgroup/pids'


def settled(lab, limit=35):
    lab.wait_placed(limit, n1='a', n2='b')
    lab.wait_settled(limit)


def make_small(host):
    """Disks of their own for the log and for heartbeat's state, that are soon full."""
    host.boot()
    for folder in SMALL:
        host.shell(f'mkdir -p /tmp/kept && cp -a {folder}/. /tmp/kept/ 2>/dev/null; '
                   f'mount -t tmpfs -o size=512k,mode=755 small {folder}', check=True)
        if folder != '/var/log':
            host.shell(f'cp -a /tmp/kept/. {folder}/', check=True)
        host.shell('rm -rf /tmp/kept')


def fill(host, folder):
    """To the last byte, also in the pages that log files have begun."""
    host.shell(f'dd if=/dev/zero of={folder}/ballast bs=1k 2>/dev/null; '
               f'dd if=/dev/zero of={folder}/ballast2 bs=1 count=4096 2>/dev/null; '
               f'for file in {folder}/ha-*; do [ -f $file ] || continue; '
               f'yes "" | dd bs=1 count=4096 2>/dev/null >> $file; done')
    check(host.shell(f'echo x > {folder}/more && cat {folder}/more').stdout != 'x\n',
          f'{folder} is full')
    host.shell(f'rm -f {folder}/more')


def empty(host, folder):
    host.shell(f'rm -f {folder}/ballast {folder}/ballast2', check=True)


def fails_over(lab, prober):
    """The power of n1 goes; n2 serves, and was never declared dead."""
    n1, n2 = lab.hosts
    equal(n1.log_lines('n2: is dead'), [], 'deaths of n2 seen by n1')
    when = n1.power_off()
    lab.wait_answer(prober, n2, 15)
    return prober.longest_gap(when - 0.1)


def comes_back(lab):
    n1 = lab.hosts[0]
    n1.boot()
    n1.start()
    settled(lab, 30)


@test(280, 'full disks on the survivor: heartbeats go on, it takes over, the log says what it lost',
      limit=120)
def full_disk(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        make_small(n2)
        lab.start()
        settled(lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        fill(n2, '/var/lib/heartbeat')
        gap = fails_over(lab, probe)
        lab.wait(lambda: n2.log_lines('No space left on device'), 15, 'the log to name the disk')
        comes_back(lab)
        lab.wait_answer(probe, n1, 5)
        fill(n2, '/var/log')
        second = fails_over(lab, probe)
        lab.wait(lambda: n2.rscstatus() == 'all', 10, 'n2 to have all')
        empty(n2, '/var/log')
        comes_back(lab)
        lab.wait(lambda: n2.log_lines('log lines were lost'), 10, 'the log to tell of its gap')
        check(max(gap, second) < lab.settings.deadtime + 1500, f'gaps of {gap} and {second} ms')
        note(f'gaps {gap:.0f} and {second:.0f} ms at deadtime {lab.settings.deadtime} ms')


@test(281, '/var turns read-only: heartbeats go on, the survivor takes over and gives back',
      limit=90)
def read_only(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        make_small(n2)
        lab.start()
        settled(lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        # What is open for writing keeps a file system writable: a bind mount turns the rest.
        n2.shell('mount --bind /var/lib/heartbeat /var/lib/heartbeat && '
                 'mount -o remount,bind,ro /var/lib/heartbeat && '
                 'mount --bind /var/log /var/log && mount -o remount,bind,ro /var/log', check=True)
        check(n2.shell('touch /var/lib/heartbeat/x').returncode != 0, 'it is read-only')
        gap = fails_over(lab, probe)
        lab.wait(lambda: n2.log_lines('Read-only file system'), 15, 'the log to say so')
        comes_back(lab)
        note(f'gap {gap:.0f} ms at deadtime {lab.settings.deadtime} ms')


@test(282, '/run is full: moves and takeovers go on, and the log says so', limit=90)
def full_run(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        n2.shell('mount -o remount,size=1m /run', check=True)
        fill(n2, '/run')
        n1.standby('all')
        lab.wait_placed(10, n1='', n2='ab')
        n1.takeover('local')
        settled(lab)
        lab.wait_answer(probe, n1)
        gap = fails_over(lab, probe)
        check(n2.log_lines('No space left on device'), 'the log says so')
        # A new master finds its place already made.
        n2.kill('heartbeat: status')
        lab.wait(lambda: n2.rscstatus() == 'all', 15, 'cl_status to be served again')
        comes_back(lab)
        empty(n2, '/run')
        note(f'gap {gap:.0f} ms at deadtime {lab.settings.deadtime} ms')


def outside(host):
    """The pids, as this machine counts them, of all that runs in the host."""
    space = os.readlink(f'/proc/{host._init_pid}/ns/pid')
    found = []
    for name in os.listdir('/proc'):
        try:
            if name.isdigit() and os.readlink(f'/proc/{name}/ns/pid') == space:
                found.append(int(name))
        except OSError:
            pass  # it ended meanwhile
    return found


def of_heartbeat(host):
    found = []
    for pid in outside(host):
        with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as file:
            if file.read().startswith('heartbeat:'):
                found.append(pid)
    return found


@test(283, 'no process can be made: heartbeats go on, and the takeover comes as soon as it can',
      limit=90)
def no_fork(t):
    if not os.access(f'{PIDS}/cgroup.procs', os.W_OK):
        note('needs the pids controller of cgroups, which this machine has not got')
        return
    group = f'{PIDS}/systole-lab.{os.getpid()}'
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        os.mkdir(group)
        try:
            pids = of_heartbeat(n2)
            for pid in pids:
                with open(f'{group}/cgroup.procs', 'w', encoding='ascii') as file:
                    file.write(str(pid))
            with open(f'{group}/pids.max', 'w', encoding='ascii') as file:
                file.write(str(len(pids)))
            since = time.monotonic()
            n1.power_off()
            lab.wait(lambda: n2.log_lines('Resource temporarily unavailable'), 10,
                     'the log to say what is wrong')
            time.sleep(1)
            equal(sorted(of_heartbeat(n2)), sorted(pids), 'processes of heartbeat')
            with open(f'{group}/pids.max', 'w', encoding='ascii') as file:
                file.write('max')
            waited = time.monotonic() - since
            lab.wait_placed(5, n2='ab')
            note(f'taken over after {waited:.1f} s without processes')
        finally:
            for host in lab.hosts:
                if host.powered:
                    host.power_off()
            for _ in range(100):  # until the kernel has buried the last one
                try:
                    os.rmdir(group)
                    break
                except OSError:
                    time.sleep(0.1)


@test(284, 'no descriptor is left in any process: heartbeats go on, the takeover comes as soon as it '
           'can', limit=90)
def no_descriptors(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        old = {}
        for pid in of_heartbeat(n2):
            with open(f'/proc/{pid}/limits', encoding='ascii') as file:
                limits = file.read()
            old[pid] = [line.split()[3] for line in limits.splitlines()
                        if line.startswith('Max open files')][0]
            highest = max(int(name) for name in os.listdir(f'/proc/{pid}/fd')) + 1
            os.system(f'prlimit --pid {pid} --nofile={highest}:')  # who may raise the hard one?
        n1.power_off()
        lab.wait(lambda: n2.log_lines('Too many open files'),
                 10, 'the log to say what is wrong')
        time.sleep(1)
        check(set(of_heartbeat(n2)) == set(old), 'no process has died')
        for pid, soft in old.items():
            os.system(f'prlimit --pid {pid} --nofile={soft}:')
        lab.wait_placed(10, n2='ab')


@test(285, 'no process can get more memory: heartbeats go on, and the survivor takes over',
      limit=90)
def no_memory(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        for pid in of_heartbeat(n2):
            with open(f'/proc/{pid}/statm', encoding='ascii') as file:
                size = int(file.read().split()[0]) * 4096
            os.system(f'prlimit --pid {pid} --as={size}:{size}')
        gap = fails_over(lab, probe)
        lab.wait_placed(10, n2='ab')
        note(f'gap {gap:.0f} ms at deadtime {lab.settings.deadtime} ms')
