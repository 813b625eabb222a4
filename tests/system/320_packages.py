# 320_packages: Debian packages: clean, complete, and put in the place of a running 3.0.6 and back
import concurrent.futures
import os
import re
import subprocess
import tempfile

import packages
from configuration import VIP1, VIP2
from hosts import TOP
from testing import STALL, check, equal, note, test

# What lintian may say, each with the reason.
ALLOWED = {}


@test(320, 'packages: lintian has nothing to say, and nothing is missing', limit=300)
def clean(_):
    made = packages.built()
    equal(sorted(made), ['libhbclient1', 'systole', 'systole-dev'], 'packages')
    done = subprocess.run(['lintian', '--allow-root', '--fail-on', 'error,warning',
                           *made.values()], capture_output=True, text=True, timeout=150)
    said = [line for line in done.stdout.splitlines()
            if line[:2] in ('E:', 'W:') and line.split()[2] not in ALLOWED]
    equal(said, [], 'lintian')
    check(done.returncode in (0, 2), f'lintian ends with {done.returncode}: {done.stderr}')

    for relation in ('Provides', 'Conflicts', 'Replaces'):
        check(re.search(r'\bheartbeat\b', packages.field(made['systole'], relation)),
              f'systole: {relation} names heartbeat')
    files = {}
    for name, path in made.items():
        listed = subprocess.run(['dpkg-deb', '--fsys-tarfile', path], capture_output=True,
                                check=True).stdout
        names = subprocess.run(['tar', '-tf', '-'], input=listed, capture_output=True,
                               check=True).stdout.decode().splitlines()
        files[name] = {line[1:].rstrip('/') for line in names}
    everything = set().union(*files.values())
    missing = []
    with open(f'{TOP}/scripts/INSTALL.table') as table:
        for line in table:
            words = line.split()
            if len(words) < 4 or words[0].startswith('#') or '/cores' in words[3]:
                continue
            base = os.path.basename(words[3])
            if not any(os.path.basename(path) in (base, f'{base}.gz') for path in everything):
                missing.append(words[3])
    equal(missing, [], 'of INSTALL.table, in no package')
    check(not [p for p in everything if re.match('/etc/ha.d/(ha.cf|haresources|authkeys)', p)],
          'no package brings a configuration')
    with tempfile.TemporaryDirectory() as folder:
        for name, path in made.items():
            subprocess.run(['dpkg-deb', '-e', path, f'{folder}/{name}'], check=True)
        with open(f'{folder}/libhbclient1/symbols') as file:
            symbols = file.read()
        with open(f'{folder}/systole/conffiles') as file:
            conffiles = set(file.read().split())
    check(' ll_cluster_new@HBCLIENT_1.0 ' in symbols, 'symbols of libhbclient.so.1')
    equal({path for path in files['systole'] if path.startswith('/etc/') and
           re.search(r'/etc/(ha\.d/(rc|resource)\.d/|init\.d/|logrotate\.d/|pam\.d/)', path)}
          - conffiles, set(), 'files of /etc that are no conffiles')


def edited(host):
    """Changes two files as an administrator would; returns them with their text."""
    kept = {'/etc/ha.d/resource.d/Xinetd': '#!/bin/sh\n# ours\n'}
    for path, text in kept.items():
        host.write(path, text, 0o755)
    for path in ('ha.cf', 'haresources', 'authkeys'):
        kept[f'/etc/ha.d/{path}'] = host.read(f'/etc/ha.d/{path}')
    return kept


def check_kept(host, kept, when):
    for path, text in kept.items():
        equal(host.read(path), text, f'{host.name}: {path} {when}')


def quiet(probers, since, what):
    """Notes and checks that no service address changed hands nor was away."""
    gaps = {p.address: p.longest_gap(since) for p in probers}
    note(f'{what}: longest gap {max(gaps.values()):.0f} ms')
    check(max(gaps.values()) < STALL, f'{what}: gaps {gaps}')


@test(321, 'a running pair of Debian\'s 3.0.6 is replaced node by node by dpkg, and back', limit=300)
def in_place(context):
    packages.built()
    with context.lab('none', 'none', media=('ucast', 'bcast')) as lab:
        n1, n2 = lab.hosts

        for host in lab.hosts:
            packages.prepare(host)
            lab.settings.install(host)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(packages.install_debian, lab.hosts))
        for host in lab.hosts:
            host.start()
        lab.wait_placed(25, n1='a', n2='b')
        kept = {host: edited(host) for host in lab.hosts}
        probers = [lab.client.probe(VIP1), lab.client.probe(VIP2)]
        lab.wait_answer(probers[0], n1)
        lab.wait_answer(probers[1], n2)
        # n1 in one step, n2 in the two steps of apt
        said = packages.dpkg(n1, f'-i {packages.OURS}/systole_*.deb {packages.OURS}/libhb*.deb')
        check('keeps its services' in said, said)
        equal(packages.running_version(n1), 'ours', 'n1 executes')
        lab.wait_settled(15, n1='local', n2='local')
        quiet(probers, 0, 'n1: 3.0.6 to Systole, dpkg -i')
        packages.dpkg(n2, '-r heartbeat')
        packages.dpkg(n2, f'-i {packages.OURS}/systole_*.deb')
        equal(packages.running_version(n2), 'ours', 'n2 executes')
        lab.wait_settled(15, n1='local', n2='local')
        quiet(probers, 0, 'n2: 3.0.6 to Systole, as apt does it')
        for host in lab.hosts:
            check_kept(host, kept[host], 'after dpkg -i systole')
            equal(packages.state(host, 'heartbeat'), 'config-files', f'{host.name}: heartbeat')
        starts = sum(operation == 'start' for h in lab.hosts for _, _, operation in
                     h.resource_log())
        equal(starts, 2, 'starts of the two resources in all')

        # What is left of Debian's may go, and takes nothing of ours along. (The way back needs it:
        # from it dpkg knows which configuration files nobody changed.)
        packages.dpkg(n2, '-P heartbeat')
        check_kept(n2, kept[n2], 'after the purge of heartbeat')
        check(n2.read('/etc/init.d/heartbeat') and n2.read('/etc/ha.d/resource.d/IPaddr2'),
              'the purge of heartbeat left our files')
        check(os.path.islink(n2.path('/etc/systemd/system/multi-user.target.wants/'
                                     'heartbeat.service')), 'the unit is still started at boot')

        # Back: the services are given to the other node first.
        said = packages.dpkg(n1, '-r systole')
        equal([n1.run('/etc/init.d/heartbeat', verb).returncode for verb in ('start', 'status')],
              [0, 3], 'the init script that is left')
        lab.wait_placed(10, n1='', n2='ab')
        packages.dpkg(n1, f'-i {packages.THEIRS}/heartbeat_*.deb')
        n1.start()
        equal(packages.running_version(n1), 'debian', 'n1 executes after the way back')
        lab.wait_placed(40, n1='a', n2='b')
        note(f'n1: back to 3.0.6: longest gap {probers[0].longest_gap():.0f} ms in two moves')
        check('3.0.6' not in n1.read('/etc/ha.d/resource.d/IPaddr2') and
              'libexec/heartbeat/IPaddr2' not in n1.read('/etc/ha.d/resource.d/IPaddr2'),
              'IPaddr2 is Debian\'s again')
        packages.dpkg(n1, '-P systole')
        check_kept(n1, kept[n1], 'after the purge of systole')
        check(n1.read('/var/lib/heartbeat/hb_uuid'), 'the purge left the state of the other')
        equal(packages.running_version(n1), 'debian', 'n1 executes after the purge')
        check(probers[0].double_owned() == 0, 'never two owners')


@test(322, 'an upgrade of the package keeps daemon and services; a broken ha.cf changes nothing',
      limit=300)
def upgrade(context):
    made = packages.built()
    with context.lab('none', media=('ucast',), groups=(
            ('n1', f'Tres::a IPaddr2::{VIP1}/24/eth0'),), initdead=1500) as lab:
        n1, = lab.hosts
        packages.prepare(n1)
        packages.dpkg(n1, f'-i {packages.THEIRS}/lib*.deb', check=False)
        packages.dpkg(n1, f'-i {packages.THEIRS}/[cgr]*.deb', check=False)
        said = packages.dpkg(n1, f'-i {packages.OURS}/systole_*.deb')
        check('not started' in said, f'nothing ran before: {said}')
        equal(packages.running_version(n1), 'none', 'without a configuration')
        check(re.search(r'\(hacluster\).*\(haclient\)', n1.run('id', 'hacluster').stdout), 'user')
        # what it has for programs and scripts: a C program is compiled and knows its package ...
        packages.dpkg(n1, f'-i {packages.OURS}/libhbclient1_*.deb {packages.OURS}/systole-dev_*.deb')
        packages.dpkg(n1, '-r libheartbeat2')  # of the same library
        n1.shell('cd /root && cc /usr/share/doc/heartbeat/example.c -o example '
                 '$(pkg-config --cflags --libs libhbclient)', check=True)
        n1.write('/root/debian/control', 'Source: x\n\nPackage: x\nArchitecture: any\n')
        done = n1.shell('cd /root && dpkg-shlibdeps -O example', check=True)
        check('libhbclient1 (>= 0.1.0)' in done.stdout, f'shlibdeps: {done.stdout}')
        # ... and resource scripts reach their agents
        done = n1.run('/etc/ha.d/resource.d/Delay', '0', '0', 'start')
        check('Success' in done.stdout, f'Delay: {done.stdout}{done.stderr}')

        lab.settings.install(n1)
        n1.start()
        lab.wait_placed(15, n1='a')
        prober = lab.client.probe(VIP1)
        lab.wait_answer(prober, n1)
        before = n1.processes()
        with tempfile.TemporaryDirectory() as folder:
            path = packages.with_version(made['systole'], '99.0', folder)
            n1.plant_tree(folder, '/root/next')
        good = n1.read('/etc/ha.d/ha.cf')
        n1.write('/etc/ha.d/ha.cf', good + 'nonsense\n')
        said = packages.dpkg(n1, f'-i /root/next/{os.path.basename(path)}')
        check('old daemon runs on' in said and 'nonsense' in said, said)
        equal(n1.processes(), before, 'processes after an upgrade with a broken ha.cf')
        n1.write('/etc/ha.d/ha.cf', good)
        said = packages.dpkg(n1, '-i --force-downgrade ' + packages.OURS + '/systole_*.deb')
        check('keeps its services' in said and 'runs on' not in said, said)
        master = [pid for pid, title in before.items() if 'master control' in title]
        equal([pid for pid, title in n1.processes().items() if 'master control' in title], master,
              'the master\'s process')
        check(n1.processes() != before, 'it was executed anew')
        lab.wait_settled(15, n1='all')
        quiet([prober], 0, 'Systole to Systole')
        equal([o for _, _, o in n1.resource_log() if o in ('start', 'stop')], ['start'],
              'what the resource was told')
