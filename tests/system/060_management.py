# 060_management: mgmtd and mgmtcmd on two nodes: link status, events, moves, a stopped daemon
import signal
import subprocess
import time

from hosts import ENVIRONMENT, bound
from testing import check, equal, test

RULE = '-' * 27
MGMTD = 'respawn root /usr/lib/heartbeat/mgmtd'


HALF = '''
import socket
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect('/run/heartbeat/mgmt')
s.sendall(b'echo\\nx\\0status_hblinks\\0')
s.shutdown(socket.SHUT_WR)
data = b''
while got := s.recv(4096):
    data += got
print(data)
'''


def answer(host, *words, options=(), **how):
    """Exit code and lines of an answer; the dashes must be there."""
    done = host.run('/usr/bin/mgmtcmd', *options, *words, **how)
    lines = done.stdout.splitlines()
    if done.returncode in (0, 1):
        check(len(lines) > 2 and lines[0] == lines[-1] == RULE,
              f'{words}: no answer between dashes: {done.stdout!r}')
        equal(lines[1], 'ok' if done.returncode == 0 else 'fail', f'verdict of {words}')
        return done.returncode, lines[2:-1]
    return done.returncode, done.stderr.splitlines()


def settle(t, lab):
    lab.start()
    lab.wait_placed(t.pace(8, 25), n1='a', n2='b')
    lab.wait_settled(t.pace(8, 15))
    for host in lab.hosts:
        lab.wait(lambda: answer(host, 'echo', 'here') == (0, ['here']), 10,
                 f'mgmtd to serve on {host.name}')


class Listener:
    """A `mgmtcmd regevt` that runs in a host; its lines so far."""

    def __init__(self, host, *kinds):
        self.file = open(f'{host.folder}/events', 'w+', encoding='utf-8')
        self.process = subprocess.Popen(bound(host.enter(['/usr/bin/mgmtcmd', 'regevt', *kinds])),
                                        stdin=subprocess.DEVNULL, stdout=self.file,
                                        env=ENVIRONMENT)

    def lines(self):
        with open(self.file.name, encoding='utf-8') as file:
            return file.read().splitlines()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.file.close()


@test(60, 'mgmtcmd: links up, one cut, a node dead, the daemon hung and stopped', limit=60)
def management(t):
    with t.lab(extra=(f'{MGMTD} --no-tls',)) as lab:
        n1, n2 = lab.hosts
        settle(t, lab)
        equal(answer(n1, 'status_hblinks'), (0, ['good']), 'all links up')
        equal(answer(n1, 'all_nodes'), (0, ['n1', 'n2']), 'all nodes')
        equal(answer(n1, 'links', 'n2'), (0, ['eth0', 'eth1']), 'links')
        equal(answer(n1, 'link_status', 'n2', 'eth1'), (0, ['up']), 'link status')
        equal(answer(n1, 'node_type', 'n2'), (0, ['normal']), 'node type')
        code, values = answer(n1, 'hb_config')
        check(code == 0 and 'deadtime=1000ms' in values, f'hb_config: {values}')
        code, values = answer(n1, 'node_config', 'N1')
        check(code == 0 and {'name=n1', 'status=active', 'local=yes'} <= set(values),
              f'node_config: {values}')
        code, values = answer(n1, 'rsc_status')
        equal((code, values[:1], len(values)), (0, ['local'], 3), f'rsc_status: {values}')
        code, values = answer(n1, 'node_type', 'nobody')
        check(code == 1 and 'there is no node nobody' in values[0], f'unknown node: {values}')

        # A client that has said all and waits with its sending side closed, as `printf | socat`.
        half = n1.run('python3', '-c', HALF)
        equal(half.stdout, "b'ok\\nx\\x00ok\\ngood\\x00'\n", f'a half-closed client {half.stderr}')
        listener = Listener(n1)
        lab.wait(lambda: listener.lines()[:2] == [RULE, 'ok'], 10, 'regevt to be answered')
        lab.links[1].cut(n2)
        lab.wait(lambda: answer(n1, 'status_hblinks') == (0, ['has_dead']), 10, 'the dead link')
        lab.wait(lambda: 'link n2 eth1 dead' in listener.lines(), 10, 'the event of the dead link')
        lab.links[1].heal(n2)
        lab.wait(lambda: answer(n1, 'status_hblinks') == (0, ['good']), 10, 'the healed link')

        equal(answer(n2, 'standby', 'n2', 'on'), (0, []), 'standby of the local node')
        lab.wait_placed(t.pace(8, 20), n1='ab', n2='')
        lab.wait_settled(t.pace(8, 20), n1='all', n2='none')
        lab.wait(lambda: any(line.startswith('resource group') and ' n1 running' in line
                             for line in listener.lines()), 10, 'the event of the moved group')
        equal(answer(n1, 'standby', 'n2', 'off'), (0, []), 'the end of the standby')
        lab.wait_placed(t.pace(8, 20), n1='a', n2='b')

        n2.power_off()
        lab.wait(lambda: 'node n2 dead' in listener.lines(), 10, 'the event of the dead node')
        equal(answer(n1, 'status_hblinks'), (0, ['has_dead']), 'links of a dead node')
        equal(answer(n1, 'active_nodes'), (0, ['n1']), 'active nodes')
        listener.close()
        hung_and_stopped(t, lab, n1)


def hung_and_stopped(t, lab, n1):
    # A daemon that hangs: an answer all the same, in bounded time, also to several at once.
    n1.kill('heartbeat: status', signal.SIGSTOP)
    began = time.monotonic()
    code, values = answer(n1, 'status_hblinks')
    check(code == 1 and values, f'a hung daemon: {code} {values}')
    check(time.monotonic() - began < 14, 'the answer about a hung daemon came late')
    equal(answer(n1, 'echo', 'alive'), (0, ['alive']), 'mgmtd beside a hung daemon')
    n1.kill('heartbeat: status', signal.SIGCONT)
    lab.wait(lambda: answer(n1, 'all_nodes') == (0, ['n1', 'n2']), 10, 'the daemon to be back')
    # respawn ends mgmtd with the daemon; one that was started by hand goes on.
    n1.stop()
    lab.wait(lambda: answer(n1, 'echo', 'x')[0] == 2, 10, 'mgmtd to end with heartbeat')
    n1.shell('setsid /usr/lib/heartbeat/mgmtd --no-tls >/var/log/mgmtd 2>&1 </dev/null &')
    lab.wait(lambda: answer(n1, 'echo', 'x')[0] == 0, 10, 'mgmtd on its own')
    code, values = answer(n1, 'status_hblinks')
    check(code == 1 and 'heartbeat is stopped' in values[0], f'a stopped daemon: {values}')


HOSTILE = '''
import os, socket, sys, time
open_ones = []
for number in range(60):
    s = socket.create_connection((sys.argv[1], 5560), 5)
    try:
        s.sendall((b'GET / HTTP/1.0\\r\\n\\r\\n', b'\\x16\\x03\\x01\\x02\\x00\\x01', os.urandom(3000),
                   b'')[number % 4])
    except OSError:
        pass
    open_ones.append(s)
print('open', flush=True)
sys.stdin.read()
'''


@test(61, 'mgmtcmd over TLS: login by PAM, wrong password, wrong user, wrong certificate, guests',
      limit=60)
def management_over_tls(t):
    with t.lab(extra=(MGMTD,)) as lab:
        n1, n2 = lab.hosts
        n1.boot()
        for user, groups in (('ann', 'haclient'), ('bob', 'users')):
            n1.shell(f'useradd -M -G {groups} {user} && echo {user}:sesame | chpasswd', check=True)
        settle(t, lab)
        remote = ('-s', '10.77.0.1', '-u')
        ann = (*remote, 'ann', '-p', 'sesame')
        mode = n1.shell('stat -c %a:%U /etc/ha.d/mgmt-key.pem').stdout.strip()
        equal(mode, '600:root', 'mode of the private key')
        equal(answer(n2, 'status_hblinks', options=ann), (0, ['good']), 'all links up')
        pinned = n2.read('/root/.systole/known_servers')
        check(pinned.startswith('10.77.0.1:5560 sha256:'), f'the pinned certificate: {pinned!r}')
        equal(answer(n2, 'link_status', 'n2', 'eth0', options=(*remote, 'ann', '-p', '-'),
                     text='sesame\n'), (0, ['up']), 'the password from standard input')
        equal(answer(n2, 'nonsense', options=ann)[0], 1, 'exit code of a failed request')
        refused = (2, ['mgmtcmd: login refused'])
        equal(answer(n2, 'status_hblinks', options=(*remote, 'ann', '-p', 'wrong')), refused,
              'a wrong password')
        equal(answer(n2, 'status_hblinks', options=(*remote, 'bob', '-p', 'sesame')), refused,
              'a right password of no member of haclient')
        code, text = answer(n2, 'status_hblinks', options=('-s', '10.77.0.1', '-P', '5999'))
        check(code == 2 and 'Connection refused' in text[0], f'nobody there: {code} {text}')
        guests(lab, n1, n2, ann)
        other_certificate(lab, n1, n2, ann)


def guests(lab, n1, n2, ann):
    """Strangers that connect and babble hinder nobody else, and need no restart."""
    stranger = subprocess.Popen(bound(n2.enter(['python3', '-c', HOSTILE, '10.77.0.1'])),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                env=ENVIRONMENT)
    equal(stranger.stdout.readline(), 'open\n', 'the stranger')
    before = server_pid(n1)
    equal(answer(n1, 'status_hblinks'), (0, ['good']), 'the local socket beside strangers')
    here = ('-s', '127.0.0.1') + ann[2:]
    equal(answer(n1, 'status_hblinks', options=here), (0, ['good']), 'another address')
    stranger.communicate('')
    equal(answer(n2, 'status_hblinks', options=ann), (0, ['good']), 'the same address afterwards')
    equal(server_pid(n1), before, 'the process that the strangers spoke with')


def server_pid(host):
    return host.run('pgrep', '-f', 'mgmtd: server', check=True).stdout.split()


def other_certificate(lab, n1, n2, ann):
    n1.shell('rm /etc/ha.d/mgmt-key.pem /etc/ha.d/mgmt-certificate.pem && '
             'kill $(pgrep -f "^/usr/lib/heartbeat/mgmtd")', check=True)
    lab.wait(lambda: n1.read('/etc/ha.d/mgmt-certificate.pem'), 10, 'respawn of mgmtd')
    lab.wait(lambda: answer(n1, 'echo', 'x')[0] == 0, 10, 'the new mgmtd')
    code, text = answer(n2, 'status_hblinks', options=ann)
    check(code == 2 and 'is not the one that was pinned' in text[0], f'another one: {code} {text}')
    n2.write('/root/.systole/known_servers', '', 0o600)
    equal(answer(n2, 'status_hblinks', options=ann)[0], 0, 'exit code once the pin is removed')
    # Somebody who guesses passwords must wait, and nobody else.
    # (Without PAM's own delay of two seconds, which has been seen above.)
    before = server_pid(n1)
    n1.write('/root/.systole/known_servers', '', 0o600)
    n1.write('/etc/pam.d/heartbeat-mgmt',
             'auth required pam_unix.so nodelay\naccount required pam_unix.so\n')
    for _ in range(5):
        answer(n2, 'echo', 'x', options=(*ann[:5], 'guess'))
    code, text = answer(n2, 'echo', 'x', options=ann)
    check(code == 2 and 'too many failed logins' in text[0], f'after five guesses: {code} {text}')
    equal(answer(n1, 'echo', 'x', options=('-s', '127.0.0.1') + ann[2:])[0], 0, 'others')
    equal(server_pid(n1), before, 'the process that was spoken with')
