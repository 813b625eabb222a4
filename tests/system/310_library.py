# 310_library: our libhbclient.so.1 in the place of Debian's, under Debian's programs, on either daemon
import difflib
import os
import re
import shutil
import subprocess
import time

import peer
from lab import TOP
from testing import check, equal, note, test

LIBRARY = f"{TOP}/build/{os.environ.get('MODE', 'release')}/libhbclient.so.1.0.0"
OUT = f'{TOP}/build/system/library'
PROGRAMS = ('api_test', 'ipfail', 'ccm', 'ccm_testclient', 'dopd', 'drbd-peer-outdater')
FOLDER = '/usr/libexec/heartbeat'
CLIENTS = ('ipfail', 'ccm', 'dopd')


def compile_programs():
    """Against our header and library."""
    os.makedirs(OUT, exist_ok=True)
    flags = ['-Wall', '-Wextra', '-Werror', f'-I{TOP}/clients/libhbclient',
             f'-L{os.path.dirname(LIBRARY)}', '-lhbclient']
    for compiler, name in (('gcc', 'operations.c'), ('g++', 'hblinks.cpp')):
        subprocess.run([compiler, f'{TOP}/tests/libhbclient/{name}', '-o',
                        f'{OUT}/{name.split(".")[0]}', *flags], check=True)


def equip(host):
    """Debian's programs and what they need of cluster-glue, but our libhbclient."""
    debian, upper = peer.fetch_debian(), f'{host.folder}/upper'
    if host.implementation == 'ours':
        for name in os.listdir(f'{debian}/usr/lib'):
            if name.startswith('lib') and '.so' in name and not name.startswith('libhbclient'):
                shutil.copy(f'{debian}/usr/lib/{name}', f'{upper}/usr/lib/{name}',
                            follow_symlinks=False)
        shutil.copytree(f'{debian}/usr/lib/x86_64-linux-gnu', f'{upper}/usr/lib/x86_64-linux-gnu',
                        symlinks=True, dirs_exist_ok=True)
        for name in PROGRAMS:
            shutil.copy(f'{debian}{FOLDER}/{name}', f'{upper}{FOLDER}/{name}')
    os.makedirs(f'{upper}/usr/local/bin', exist_ok=True)
    os.makedirs(f'{upper}/usr/local/lib/debian', exist_ok=True)
    for program in ('operations', 'hblinks'):
        shutil.copy(f'{OUT}/{program}', f'{upper}/usr/local/bin/{program}')
    shutil.copy(f'{debian}/usr/bin/cl_status', f'{upper}/usr/local/bin/debian_cl_status')
    shutil.copy(f'{debian}/usr/lib/libhbclient.so.1.0.0',
                f'{upper}/usr/local/lib/debian/libhbclient.so.1')
    shutil.copy(LIBRARY, f'{upper}/usr/lib/libhbclient.so.1.0.0')
    # What dopd runs on the peer; 0 is "outdated".
    host._plant('usr/local/sbin/drbdadm', '#!/bin/sh\nexit 0\n', 0o755)


def as_group(host, *argv, timeout=40):
    """As a member of haclient."""
    return host.run('setpriv', '--regid=haclient', '--clear-groups', *argv, timeout=timeout)


def uses_ours(host):
    """That the running clients have really loaded our library."""
    ours = os.path.getsize(LIBRARY)
    for name in CLIENTS:
        pid = host.run('pgrep', '-x', name, check=True).stdout.split()[0]
        loaded = host.shell(f'stat -L -c %s "$(grep -o "/.*libhbclient.*" /proc/{pid}/maps | '
                            'head -1)"', check=True).stdout
        equal(int(loaded), ours, f'size of the library that {name} on {host.name} has loaded')


def answers(host, library, arguments):
    done = as_group(host, 'env', f'LD_LIBRARY_PATH={library}', 'operations', *arguments)
    equal(done.returncode, 0, f'exit of operations with {library} on {host.name}')
    # ipfail may be giving resources back in these seconds.
    return [re.sub('resources [a-z]+', 'resources', line) for line in done.stdout.splitlines()]


def same_answers(host):
    """Every operation through our library and through Debian's, on this host's daemon."""
    for arguments in ((), ('ping', 'without events')):
        ours = answers(host, '/usr/lib', arguments)
        debian = answers(host, '/usr/local/lib/debian', arguments)
        check(len(ours) > 50, f'few answers: {ours}')
        differ = difflib.unified_diff(debian, ours, "Debian's", 'ours', '', '', 0, '')
        check(ours == debian, '\n'.join([f'answers on {host.name} differ', *differ]))


def hblinks(host):
    done = as_group(host, 'hblinks')
    return done.stdout.split('\n')[:2]


@test(310, "our libhbclient under Debian's programs, on our daemon and on Debian's", limit=120)
def library(t):
    compile_programs()
    extra = ['ping 10.77.0.200', 'deadping 2', 'apiauth dopd uid=hacluster']
    extra += [f'respawn hacluster {FOLDER}/{name}' for name in CLIENTS]
    # With failback on, ipfail of the better node gives "foreign" resources back when it hears of the
    # dead link before the dead ping node, and then the other one's wish is not heard.
    # 3.0.6 answers clients when a timer of its own fires: a short keepalive makes it quicker.
    with t.lab('ours', 'debian', auto_failback='off', keepalive=60, extra=tuple(extra)) as lab:
        n1, n2 = lab.hosts
        for host in lab.hosts:
            equip(host)
        lab.start()
        lab.wait_placed(30, n1='a', n2='b')
        lab.wait_settled(15)
        began = time.monotonic()
        same_answers(n2)
        note(f'all operations four times with {n2.implementation}: {time.monotonic() - began:.1f} s')
        for host in lab.hosts:
            uses_ours(host)
            lab.wait(lambda h=host: 'members 2' in as_group(h, 'debian_cl_status', 'hbstatus', '-v')
                     .stdout, 20, f'ccm of {host.name} to have two members')
            equal(hblinks(host), ['ok', 'good'], f'status_hblinks on {host.name}')
        asked = n1.run('setpriv', '--reuid=hacluster', '--regid=haclient', '--clear-groups',
                       f'{FOLDER}/drbd-peer-outdater', '-p', 'n2', '-r', 'r0')
        equal(asked.returncode, 4, "drbd-peer-outdater's answer")
        moves(lab, n1, n2)
        n2.power_off()
        lab.wait(lambda: hblinks(n1) == ['ok', 'has_dead'], 10, 'links to a dead node')
        n1.stop()
        equal(hblinks(n1)[0], 'fail', 'status_hblinks without a daemon')


def moves(lab, n1, n2):
    """A node that cannot reach the ping node gives all to the one that can."""
    lab.links[0].cut(n1)
    began = time.monotonic()
    lab.wait(lambda: n2.resources() == ['a', 'b'], 20, 'ipfail to give all to n2')
    note(f'ipfail moved the resources in {time.monotonic() - began:.1f} s')
    for host in (n1, n2):
        equal(hblinks(host), ['ok', 'has_dead'], f'status_hblinks on {host.name}, a link cut')
    lab.links[0].heal(n1)
    lab.wait(lambda: hblinks(n1) == ['ok', 'good'], 10, 'n1 to see both links again')
