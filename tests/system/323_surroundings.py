# 323_surroundings: what the system has around the daemon: units, users, folders, logs, completion
import glob
import os
import re
import shlex
import subprocess

import peer
from configuration import VIP1
from hosts import TOP
from testing import check, equal, note, test

# Where resource scripts allow it. heartbeat.service itself tells why they do not.
TIGHT = 5.0


def exposure(unit):
    """The overall level that systemd-analyze sees, without a systemd that runs."""
    done = subprocess.run(['systemd-analyze', 'security', '--offline=true', '--no-pager', unit],
                          capture_output=True, text=True, timeout=30)
    said = re.search(r'Overall exposure level for \S+: ([0-9.]+)', done.stdout)
    check(said, f'{unit}: {done.stdout}{done.stderr}')
    equal(done.stderr, '', f'{unit}: lines that systemd does not understand')
    return float(said.group(1))


def setting(text, name):
    """The values of the last list of a setting: an empty assignment begins it anew."""
    values = []
    for line in text.splitlines():
        if line.startswith(f'{name}='):
            words = line.split('=', 1)[1].split()
            values = values + words if words else []
    return values


def confined(text):
    """setpriv with the capabilities of a unit and its NoNewPrivileges."""
    capabilities = ','.join('+' + word[4:].lower() for word in setting(text,
                                                                       'CapabilityBoundingSet'))
    check(setting(text, 'NoNewPrivileges') == ['yes'], 'NoNewPrivileges')
    return ['setpriv', '--no-new-privs', '--bounding-set', f'-all,{capabilities}']


@test(323, 'units: as tight as scripts allow, and the daemons work with so few rights', limit=150)
def units(context):
    with open(f'{TOP}/scripts/systemd/heartbeat.service') as file:
        service = file.read()
    with open(f'{TOP}/scripts/doc/heartbeat-confined.conf') as file:
        tight = file.read()
    with open(f'{TOP}/scripts/systemd/heartbeat-mgmtd.service') as file:
        mgmtd = file.read()
    folder = f"{TOP}/build/{os.environ.get('MODE', 'release')}/units"
    os.makedirs(folder, exist_ok=True)
    levels = {}
    for name, text in (('heartbeat', service), ('heartbeat-confined', service + tight),
                       ('heartbeat-mgmtd', mgmtd)):
        with open(f'{folder}/{name}.service', 'w') as file:
            file.write(text)
        levels[name] = exposure(f'{folder}/{name}.service')
    note(', '.join(f'{name}: {level}' for name, level in levels.items()))
    check(levels['heartbeat-confined'] <= TIGHT and levels['heartbeat-mgmtd'] <= TIGHT, str(levels))
    for exempt in ('ProtectSystem', 'NoNewPrivileges', 'PrivateTmp', 'MemoryDenyWriteExecute',
                   'RestrictRealtime', 'SystemCallArchitectures', 'RestrictNamespaces'):
        check(re.search(rf'^#.*\b{exempt}\b', service, re.M), f'{exempt}: why it is not set')

    with context.lab('ours', 'ours', media=('ucast', 'bcast'), groups=(
            ('n1', f'IPaddr2::{VIP1}/24/eth0'),)) as lab:
        n1, n2 = lab.hosts
        for host in lab.hosts:
            host.boot()
            lab.settings.install(host)
            host.run(*confined(service + tight), '/etc/init.d/heartbeat', 'start', check=True)
        lab.wait(lambda: lab.holders(VIP1) == ['n1'], 15, 'n1 to hold its address')
        for host in lab.hosts:
            equal(host.log_lines('ERROR'), [], f'{host.name}: errors')
        n1.run(*confined(mgmtd), 'sh', '-c', 'setsid /usr/libexec/heartbeat/mgmtd --no-tls '
               '>/var/log/mgmtd 2>&1 </dev/null &', check=True)
        lab.wait(lambda: n1.run('mgmtcmd', 'status_hblinks').stdout.split()[1:3] == ['ok', 'good'],
                 10, 'mgmtd to answer')
        n1.power_off()
        lab.wait(lambda: lab.holders(VIP1) == ['n2'], 10, 'n2 to take the address')

        # the user and the folders, from nothing
        kept = n2.read('/etc/passwd')
        n2.write('/etc/passwd', ''.join(line for line in kept.splitlines(True)
                                        if not line.startswith('hacluster:')))
        n2.shell('sed -i /^hacluster:/d /etc/shadow; rm -rf /run/crm', check=True)
        n2.run('systemd-sysusers', '/usr/lib/sysusers.d/heartbeat.conf', check=True)
        check('gid=991(haclient)' in n2.run('id', 'hacluster').stdout, 'sysusers.d')
        n2.run('systemd-tmpfiles', '--create', '/usr/lib/tmpfiles.d/heartbeat.conf', check=True)
        equal(n2.shell('stat -c "%a %U:%G" /run/crm').stdout.strip(), '750 hacluster:haclient',
              'tmpfiles.d')


@test(324, 'completion of every command: sub-commands, nodes, links, groups', limit=40)
def completion(context):
    file = '/usr/share/bash-completion/completions/cl_status'
    with context.lab('ours', 'ours', media=('ucast', 'bcast')) as lab:
        n1 = lab.hosts[0]
        lab.start()
        lab.wait_placed(15, n1='a', n2='b')

        def complete(line):
            """What bash would offer at the end of a line, sorted."""
            command = line.split()[0]
            loaded = f'{os.path.dirname(file)}/{os.path.basename(command)}'
            done = n1.run('bash', '-c', f'''. {loaded} || exit
                COMP_LINE={shlex.quote(line)} COMP_POINT=${{#COMP_LINE}} COMP_WORDS=({line})
                _systole {command} "" ""; printf "%s\\n" "${{COMPREPLY[@]}}"''', check=True)
            return sorted(done.stdout.split())

        with open(f'{TOP}/clients/cl_status.cpp') as source:
            known = set(re.findall(r'SubCommand\{"(\w+)"', source.read())) - {'test'}
        equal(set(complete('cl_status ')), known, 'all sub-commands of cl_status')
        with open(f'{TOP}/clients/mgmtd/verbs.cpp') as source:
            verbs = set(re.findall(r'Verb\{"(\w+)"', source.read())) - {'login', 'logout'}
        equal(set(complete('mgmtcmd -s n2 -u ann ')), verbs, 'all verbs of mgmtcmd')
        for line, wanted in (
                ('cl_status nodes', ['nodesite', 'nodestatus']),
                ('heartbeat --', ['--check']),
                ('hb_delnode n2 ', ['n1', 'n2']),
                ('cl_status nodestatus ', ['n1', 'n2']),
                ('cl_status hblinkstatus n2 ', ['eth0', 'eth1']),
                ('cl_status cleanup ', ['Tres::a', 'Tres::b']),
                ('cl_status cleanup Tres::', ['a', 'b']),  # bash keeps what is before the colon
                ('cl_status maintenance o', ['off', 'on']),
                ('cl_status listnodes -', ['-n', '-p', '-v']),
                ('mgmtcmd standby ', ['n1', 'n2']),
                ('mgmtcmd standby n1 ', ['off', 'on']),
                ('mgmtcmd link_status n2 eth', ['eth0', 'eth1']),
                ('hb_takeover l', ['local']),
                ('/usr/share/heartbeat/hb_standby ', ['all', 'failback', 'foreign', 'local']),
                ('haresources2cib --w', ['--wrappers'])):
            equal(complete(line), wanted, line)
        n1.stop()
        equal(complete('cl_status nodestatus '), ['n1', 'n2'], 'nodes while the daemon is stopped')
    done = subprocess.run(['shellcheck', '-S', 'style', f'{TOP}/scripts/completion/cl_status',
                           *glob.glob(f'{TOP}/scripts/debian/systole.p*'),
                           f'{TOP}/scripts/debian/build'], capture_output=True, text=True)
    equal(done.stdout, '', 'shellcheck')


@test(325, 'logcheck hides the ordinary and shows a failover; logrotate turns the logs', limit=60)
def logs(context):
    rules = '/etc/logcheck/ignore.d.server/heartbeat'
    with context.lab('ours', 'ours', media=('ucast', 'bcast'),
                     extra=('respawn hacluster /usr/libexec/heartbeat/ipfail',)) as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(15, n1='a', n2='b')
        n1.standby()
        lab.wait_placed(10, n1='', n2='ab')
        n1.takeover('local')
        lab.wait_placed(10, n1='a', n2='b')
        n1.shell('touch /etc/ha.d/ha.cf; /usr/libexec/heartbeat/heartbeat -r', check=True)
        lab.wait(lambda: n2.log_lines('Heartbeat restart on node n1'), 10, 'the restart')
        lab.wait_settled(15)

        def shown(host):
            """What logcheck would report of the log: it uses egrep like this."""
            return host.shell(f'grep -Evf {rules} /var/log/ha-log').stdout.splitlines()

        for host in lab.hosts:
            equal([line for line in shown(host) if ' info: ' in line], [], f'{host.name}: shown')
            check(len(host.log().splitlines()) > 20, 'lines in the log')
        equal(n1.run('grep', '-c', '^$', rules).stdout.strip(), '0', 'empty rules, which hide all')
        # with the time as rsyslog writes it
        line = n1.log_lines('Heartbeat generation')[0]
        modern = '2026-11-23T07:52:15.123456+01:00' + line[15:]
        equal(n1.run('grep', '-Evf', rules, text=modern + '\n').stdout, '', 'a line of rsyslog')

        n1.power_off()
        lab.wait_placed(10, n2='ab')
        report = '\n'.join(shown(n2))
        for text in ('node n1: is dead', 'Resources being acquired from n1',
                     'mach_down takeover complete', 'Link n1:eth0 dead'):
            check(text in report, f'{text!r} is shown')

        root = peer.fetch_logrotate()
        n2.plant_tree(f'{root}/usr', '/usr')
        n2.shell('mkdir -p /var/lib/logrotate; logrotate --force /etc/logrotate.d/heartbeat',
                 check=True)
        check('is dead' in n2.read('/var/log/ha-log.1'), 'the old log')
        n2.run('cl_status', 'maintenance', 'on', check=True)
        check('Maintenance is on' in n2.read('/var/log/ha-log.1') + n2.log(), 'nothing is lost')
