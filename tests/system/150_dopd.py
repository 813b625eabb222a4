# 150_dopd: dopd and drbd-peer-outdater, of ours and beside those of 3.0.6, with drbdadm played
import time

from testing import check, equal, note, test

OUTDATER = '/usr/libexec/heartbeat/drbd-peer-outdater'
LINES = ('apiauth dopd uid=hacluster', 'respawn hacluster /usr/libexec/heartbeat/dopd')
# There is no DRBD here. What it would say is in files; what it was asked is kept.
DRBDADM = '''#!/bin/sh
echo "$(id -un) $# $*" >> /var/log/drbdadm
read -r seconds < /etc/drbdadm.sleep && sleep "$seconds"
read -r code < /etc/drbdadm.code && exit "$code"
'''


def start(lab):
    for host in lab.hosts:
        host.boot()
        host.write('/usr/sbin/drbdadm', DRBDADM, 0o755)
        host.write('/var/log/drbdadm', '', 0o666)
        drbd_says(host)
    lab.start()
    lab.wait_placed(25, n1='a', n2='b')
    for host in lab.hosts:
        ready(lab, host)


def ready(lab, host):
    """dopd is signed on; that of 3.0.6 dies of each request it has answered, and is respawned."""
    lab.wait(lambda: host.cl_status('clientstatus', host.name, 'dopd').stdout == 'online\n', 15,
             f'dopd on {host.name}')


def drbd_says(host, code=0, seconds=0):
    host.write('/etc/drbdadm.code', f'{code}\n')
    host.write('/etc/drbdadm.sleep', f'{seconds}\n')


def outdate(host, peer, resource='r0', *options):
    return host.run(OUTDATER, '-p', peer, '-r', resource, *options, timeout=90).returncode


# What drbdadm ends with, and what DRBD on the other node is told by 3.0.6 (and so by us).
VALUES = ((0, 4), (5, 3), (17, 6), (1, 20), (20, 20))


@test(150, 'dopd, two of ours: exit codes of drbdadm, several at a time, death, strange names',
      limit=120)
def two_of_ours(t):
    with t.lab('ours', 'ours', initdead=15000, extra=LINES) as lab:
        n1, n2 = lab.hosts
        start(lab)
        dopd = n1.shell('pgrep -x dopd').stdout + n2.shell('pgrep -x dopd').stdout
        for code, value in VALUES:
            drbd_says(n2, code)
            equal(outdate(n1, 'n2'), value, f'exit when drbdadm ends with {code}')
        equal(set(n2.read('/var/log/drbdadm').splitlines()), {'hacluster 2 outdate r0'},
              'what drbdadm was asked')
        equal(n1.read('/var/log/drbdadm'), '', 'nothing is outdated on the node that asks')
        for peer in ('n1', 'nobody'):
            equal(outdate(n1, peer), 5, f'exit when {peer} is asked')
        for name in ('r0;touch /run/harm', 'a b', '-f', '$(touch /run/harm)'):
            equal(outdate(n1, 'n2', name), 20, f'exit for a resource called {name}')
        equal(n2.shell('ls /run/harm').returncode, 2, 'nothing was run by a shell')
        drbd_says(n2, 0, 2)
        began = time.monotonic()
        equal(n1.shell(f'{OUTDATER} -p n2 -r r1 & {OUTDATER} -p n2 -r r2; a=$?; wait $!; echo $a $?')
              .stdout, '4 4\n', 'two resources at a time')
        check(time.monotonic() - began < 3.8, 'they did not wait for each other')
        equal(n1.shell(f'{OUTDATER} -p n2 -r r1 & sleep 0.5; {OUTDATER} -p n2 -r r1; a=$?; wait $!; '
                       'echo $a $?').stdout, '21 4\n', 'the same resource twice')
        drbd_says(n2, 0, 1000)
        equal(outdate(n1, 'n2', 'r3', '-t', '1'), 5, 'exit when no answer came in time')
        n1.shell('export DRBD_PEER=n2 DRBD_RESOURCE=r4; '
                 f'(timeout 60 {OUTDATER}; echo $? > /run/late) > /dev/null 2>&1 &', check=True)
        lab.wait(lambda: 'outdate r4' in n2.read('/var/log/drbdadm'), 5, 'drbdadm to be run')
        equal(n1.shell('pgrep -x dopd').stdout + n2.shell('pgrep -x dopd').stdout, dopd,
              'the processes are the same all the while')
        n2.power_off()
        lab.wait(lambda: n1.read('/run/late') == '5\n', 10, 'who waits to be told of the death')
        equal(outdate(n1, 'n2'), 5, 'exit when the peer is dead')
        n1.stop()
        equal(n1.shell('pgrep -x dopd').stdout, '', 'dopd ends with the daemon')
        equal(outdate(n1, 'n2'), 5, 'exit without dopd')
        for arguments, code in (((), 1), (('-h',), 0), (('-p', 'n2'), 1), (('-x',), 1),
                                (('-p', 'n2', '-r', 'r0', '-t', 'soon'), 1)):
            equal(n1.run(OUTDATER, *arguments).returncode, code, f'exit with {arguments}')


@test(151, "dopd: ours asks that of 3.0.6, and answers it", limit=120)
def mixed(t):
    with t.lab('ours', 'debian', initdead=15000, extra=LINES) as lab:
        n1, n2 = lab.hosts
        start(lab)
        packets = lab.capture(n1)
        for code, value in VALUES[:4]:
            for host, other in ((n1, n2), (n2, n1)):
                drbd_says(other, code)
                equal(outdate(host, other.name), value,
                      f'exit on {host.name} ({host.implementation}) when drbdadm on {other.name} '
                      f'({other.implementation}) ends with {code}')
                if host is n2:
                    lab.wait(lambda: n2.log_lines('signal 11'), 5, 'the end of its dopd')
                    time.sleep(1.5)  # its daemon waits a second before a restart
                ready(lab, n2)
        for kind in ('start_outdate', 'outdate_rc'):
            names = {p['src']: [name for name, _, _ in p.fields][:4]
                     for p in packets.packets(t=kind)}
            equal(names.get('n1'), names.get('n2'), f'fields of {kind} from us and from 3.0.6')
            check('n1' in names, f'{kind} was seen')
        note(f'{len(VALUES[:4])} codes both ways')
